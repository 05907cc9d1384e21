"""The recipe of a data set, fitted to the number of training images.

A shipped recipe is made for thousands of images. Of 144 images, an epoch is 2 steps of 128, and 10
epochs are 20 steps, which teach a network next to nothing. `fit_recipe` changes what the user has
not set, by the rule of `fitted`; docs/own_data.md has it as a table, docs/decisions.md the
measurements behind the constants.
"""

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

from archsearch.data import DataSplits
from archsearch.train.recipe import Recipe
from archsearch.train.recipe_defaults import default_recipe, resolved

#: an epoch has so many steps where a smaller batch can give them
STEPS_PER_EPOCH = 4
#: batches are not made smaller than this: an image takes 1.6 times as long in steps of 32 as in
#: steps of 128, 2.3 times in steps of 16
SMALLEST_BATCH = 32
#: a training has so many steps where more epochs can give them
STEPS = 300
#: of shipped recipes that take fewer on all images of their data set
_OWN_STEPS = {"digits": 90, "cluttered-digits": 252}
#: epochs grow by this factor at most
MOST_EPOCHS = 6
#: fewer steps in all, or for each class, get a warning
FEW_STEPS, FEW_STEPS_A_CLASS = 80, 5

#: how a line names what the rule changes, in its order
_NAMES = {"batch_size": "batch", "epochs": "epochs", "warmup_epochs": "warm-up"}
_Z = 1.96
_TYPICAL = 0.8


def fitted(recipe: Recipe, images: int, keys: Collection[str] = (), steps: int = STEPS) -> Recipe:
    """Return ``recipe`` with the batch and the epochs for ``images``.

    * The batch is halved, not below `SMALLEST_BATCH`, until an epoch has `STEPS_PER_EPOCH` steps.
    * The learning rate stays: half of it was worse at every batch.
    * Epochs are added, up to `MOST_EPOCHS` times as many, until a training has ``steps``.
    * The warm-up keeps its share of the epochs.

    Args:
        recipe: for all images of a data set.
        images: that there are to train on.
        keys: of the recipe, dotted, that stay as they are.
        steps: that are enough.
    """
    changes: dict[str, Any] = {}
    batch = recipe.batch_size
    if "batch_size" not in keys:
        while _steps(images, batch) < STEPS_PER_EPOCH and batch // 2 >= SMALLEST_BATCH:
            batch //= 2
        changes["batch_size"] = batch
    if "epochs" not in keys:
        enough = math.ceil(steps / _steps(images, batch))
        epochs = min(max(recipe.epochs, enough), most_epochs(recipe))
        changes["epochs"] = epochs
        if "warmup_epochs" not in keys and epochs != recipe.epochs:
            share = recipe.warmup_epochs / recipe.epochs
            changes["warmup_epochs"] = float(f"{share * epochs:.2g}")
    return recipe.model_copy(update=changes)


def _steps(images: int, batch: int) -> int:
    return -(-images // batch)


@dataclass(frozen=True)
class RecipeFit:
    """A recipe for a data set, beside the one that was asked for.

    Attributes:
        recipe: nothing left open but the precision.
        asked: the same before it was fitted.
        images: to train on.
        val_images: to validate on.
        classes: of the images.
    """

    recipe: Recipe
    asked: Recipe
    images: int
    val_images: int
    classes: int

    @property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch."""
        return _steps(self.images, self.recipe.batch_size)

    @property
    def steps(self) -> int:
        """Batches of the whole training."""
        return self.steps_per_epoch * self.recipe.epochs

    @property
    def resolution(self) -> float:
        """Smallest difference that the validation images tell, as a share.

        Of two networks near 80 %, by the 95 % interval of the difference of two proportions.
        """
        return _Z * math.sqrt(2 * _TYPICAL * (1 - _TYPICAL) / self.val_images)

    @property
    def changes(self) -> dict[str, tuple[Any, Any]]:
        """What was fitted: key to the value that was asked for, and the fitted one."""
        pairs = {key: (getattr(self.asked, key), getattr(self.recipe, key)) for key in _NAMES}
        return {key: (asked, now) for key, (asked, now) in pairs.items() if asked != now}

    def going_on(self, begun: Recipe, is_asked_again: bool = False) -> "RecipeFit":
        """Return the fit for a training or a run that was begun.

        Args:
            begun: its recipe. Earlier versions fitted none.
            is_asked_again: it was asked for in the same words.
        """
        return replace(self, recipe=begun) if is_asked_again or begun == self.asked else self

    def lines(self) -> list[str]:
        """Return steps and epochs, what was fitted, and what the images cannot tell."""
        recipe = self.recipe
        lines = [
            f"training: {self.images:,} images, batch {recipe.batch_size}, "
            f"{_many(self.steps_per_epoch, 'step')} an epoch, {_many(recipe.epochs, 'epoch')}: "
            f"{_many(self.steps, 'step')} in all"
        ]
        lines += self._fitted_line()
        lines.append(
            f"validation: {_many(self.val_images, 'image')} distinguish two networks near "
            f"{100 * _TYPICAL:.0f} % if they differ by about {100 * self.resolution:.2g} points "
            "or more"
        )
        return lines + self.warnings()

    def warnings(self) -> list[str]:
        """Return what keeps networks from learning: too few steps, or a step of one image."""
        return [*self._few_steps(), *self._single_images()]

    def _single_images(self) -> list[str]:
        if self.images // self.steps_per_epoch > 1:
            return []
        return [
            "warning: there are steps of a single image, which batch norm on a map of 1 x 1 cannot "
            "learn from; say --set recipe.batch_size=3 or more"
        ]

    def _few_steps(self) -> list[str]:
        wanted = max(FEW_STEPS, FEW_STEPS_A_CLASS * self.classes)
        if self.steps >= wanted:
            return []
        epochs = math.ceil(wanted / self.steps_per_epoch)
        batch = self.recipe.batch_size
        while (
            batch // 2 >= SMALLEST_BATCH
            and _steps(self.images, batch) * self.recipe.epochs < wanted
        ):
            batch //= 2
        is_enough = _steps(self.images, batch) * self.recipe.epochs >= wanted
        smaller = f" or --set recipe.batch_size={batch}" if is_enough else ""
        return [
            f"warning: {_many(self.steps, 'step')} in all are too few to learn much: at least "
            f"{wanted:,} are advised for {_many(self.classes, 'class', 'classes')}; say "
            f"--epochs {epochs}{smaller}"
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for a run's configuration."""
        return {
            "images": self.images,
            "batch_size": self.recipe.batch_size,
            "steps_per_epoch": self.steps_per_epoch,
            "epochs": self.recipe.epochs,
            "steps": self.steps,
            "fitted": {
                key: {"shipped": shipped, "fitted": now}
                for key, (shipped, now) in self.changes.items()
            },
            "smallest_difference": round(self.resolution, 4),
            "warnings": self.warnings(),
        }

    def _fitted_line(self) -> Iterator[str]:
        changes = self.changes
        if not changes:
            return
        now = ", ".join(f"{_NAMES[key]} {new:g}" for key, (_, new) in changes.items())
        # the warm-up follows the epochs
        back = {key: old for key, (old, _) in changes.items() if key != "warmup_epochs"}
        shipped = " ".join(f"--set recipe.{key}={value:g}" for key, value in back.items())
        yield f"fitted to {_many(self.images, 'image')}: {now}; as shipped: {shipped}"


def fit_recipe(
    data: DataSplits, recipe: Recipe | None = None, keys: Collection[str] | None = None
) -> RecipeFit:
    """Return the recipe for a data set, with nothing left open but the precision.

    Args:
        data: what is trained on.
        recipe: that was asked for; None for the shipped one of the data set.
        keys: of the shipped recipe, dotted, that the user has set in ``recipe``; None if all of
            ``recipe`` is the user's, which is never changed.

    Raises:
        InputError: no recipe is shipped for the data set.
    """
    is_shipped = recipe is None or keys is not None
    asked = default_recipe(data.name) if recipe is None else recipe
    images = len(data.train)
    own = asked
    if is_shipped:
        steps = _OWN_STEPS.get(data.name.partition(":")[0], STEPS)
        own = fitted(asked, images, keys or (), steps)
    counts = (images, len(data.val), data.num_classes)
    return RecipeFit(resolved(own, data), resolved(asked, data), *counts)


def most_epochs(recipe: Recipe) -> int:
    """Return how many epochs a fitted ``recipe`` has at most."""
    return MOST_EPOCHS * recipe.epochs


def _many(count: int, noun: str, nouns: str = "") -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {nouns or noun + 's'}"
