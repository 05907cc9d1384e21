"""Default recipes and augmentation of data sets."""

from functools import cache

from archsearch.data import DataSplits
from archsearch.data.data_sets import DATA_NAMES
from archsearch.errors import InputError, Problem, nearest
from archsearch.image_size import sides_of
from archsearch.resources import resource_dir
from archsearch.train.recipe import Augmentation, Recipe, load_recipe


def default_recipe(data_name: str) -> Recipe:
    """Return the recipe for a data set, by the name that `load_data` takes; from ``recipes/``.

    Raises:
        InputError: there is no such data set.
    """
    kind = data_name.partition(":")[0]
    if kind not in {each.partition(":")[0] for each in DATA_NAMES}:
        rule = "must be a known data set"
        raise InputError(Problem("data", rule, data_name, nearest(data_name, DATA_NAMES)))
    return _shipped(kind)


@cache
def _shipped(kind: str) -> Recipe:
    return load_recipe(resource_dir("recipes") / f"{kind}.yaml")


def default_augmentation(data: DataSplits) -> Augmentation:
    """Return the augmentation for a data set.

    Photographs and clothes move by an eighth of the shorter side (4 px of 32), digits, which fill
    their frame, by a sixteenth, cluttered digits, which are shifted already, by half of that.
    Photographs in colour, and clothes, may be mirrored; characters may not, and a grey folder may
    well hold characters.
    """
    name = data.name.partition(":")[0]
    side = min(sides_of(data.image_size))
    if name == "digits":
        return Augmentation(translate=max(1, side // 16))
    if name == "cluttered-digits":
        return Augmentation(translate=max(1, side // 32))
    may_flip = name == "fashion-mnist" or data.in_channels >= 3
    return Augmentation(translate=max(1, side // 8), flip=may_flip)


def resolved(recipe: Recipe, data: DataSplits) -> Recipe:
    """Return ``recipe`` with nothing left open but the precision."""
    if recipe.augmentation is not None:
        return recipe
    return recipe.model_copy(update={"augmentation": default_augmentation(data)})
