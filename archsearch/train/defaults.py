"""Recipes and augmentation that suit a data set, used where the user says nothing."""

from archsearch.data import DataSplits
from archsearch.data.load import DATA_NAMES
from archsearch.errors import InputError, Problem, nearest
from archsearch.train.recipe import Augmentation, Recipe

# digits: 8 epochs took 13 networks of 1 to 12 M MACs to 0.983-0.997 on the validation split, 6
# epochs to 0.972-0.990; batches of 32 reach no more and take 1.4x the time. 5 leave a difference
# between networks to be seen: after 8, all but the smallest are within one image of each other
_RECIPES = {
    "digits": Recipe(
        epochs=5, batch_size=64, learning_rate=3e-3, warmup_epochs=1, precision="float32"
    ),
    "fashion-mnist": Recipe(epochs=5, warmup_epochs=0.5),
    "cifar10": Recipe(epochs=10, warmup_epochs=1),
    "cifar100": Recipe(epochs=10, warmup_epochs=1),
    "folder": Recipe(epochs=10, warmup_epochs=1),
}


def default_recipe(data_name: str) -> Recipe:
    """Return the recipe for a data set, by the name that `load_data` takes.

    Raises:
        InputError: there is no such data set.
    """
    kind = data_name.partition(":")[0]
    if kind not in _RECIPES:
        rule = "must be a known data set"
        raise InputError(Problem("data", rule, data_name, nearest(data_name, DATA_NAMES)))
    return _RECIPES[kind]


def default_augmentation(data: DataSplits) -> Augmentation:
    """Return the augmentation for a data set.

    Photographs and clothes move by an eighth of the side (4 px of 32), digits, which fill their
    frame, by a sixteenth. Colour photographs and clothes may be mirrored; characters may not, and
    a grey folder may well hold characters.
    """
    name = data.name.partition(":")[0]
    if name == "digits":
        return Augmentation(translate=max(1, data.image_size // 16))
    may_flip = name == "fashion-mnist" or data.in_channels == 3
    return Augmentation(translate=max(1, data.image_size // 8), flip=may_flip)


def resolved(recipe: Recipe, data: DataSplits) -> Recipe:
    """Return ``recipe`` with nothing left open but the precision."""
    if recipe.augmentation is not None:
        return recipe
    return recipe.model_copy(update={"augmentation": default_augmentation(data)})
