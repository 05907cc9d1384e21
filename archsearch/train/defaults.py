"""Recipes and augmentation that suit a data set, used where the user says nothing."""

from archsearch.data import DataSplits
from archsearch.train.recipe import Augmentation, Recipe

_RECIPES = {
    "digits": Recipe(epochs=20, batch_size=64, warmup_epochs=2, precision="float32"),
    "fashion-mnist": Recipe(epochs=5, warmup_epochs=0.5),
    "cifar10": Recipe(epochs=10, warmup_epochs=1),
    "cifar100": Recipe(epochs=10, warmup_epochs=1),
    "folder": Recipe(epochs=10, warmup_epochs=1),
}


def default_recipe(data_name: str) -> Recipe:
    """Return the recipe for a data set, by the name that `load_data` takes."""
    return _RECIPES[data_name.partition(":")[0]]


def default_augmentation(data: DataSplits) -> Augmentation:
    """Return the augmentation for a data set.

    Translation by an eighth of the side suits all (4 px of 32). Colour photographs and clothes
    may be mirrored; characters may not, and a grey folder may well hold characters.
    """
    name = data.name.partition(":")[0]
    may_flip = name == "fashion-mnist" or (name != "digits" and data.in_channels == 3)
    return Augmentation(translate=max(1, data.image_size // 8), flip=may_flip)


def resolved(recipe: Recipe, data: DataSplits) -> Recipe:
    """Return ``recipe`` with nothing left open but the precision."""
    if recipe.augmentation is not None:
        return recipe
    return recipe.model_copy(update={"augmentation": default_augmentation(data)})
