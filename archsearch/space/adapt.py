"""Fit a space to a data set: other image size, channels and classes, the same choices."""

from archsearch.space.search_space import SearchSpace
from archsearch.space.space_file import space_from
from archsearch.yaml_source import YamlSource


def adapted(
    space: SearchSpace, *, image_size: int, in_channels: int, num_classes: int
) -> SearchSpace:
    """Return ``space`` for images of another size, number of channels and number of classes.

    Raises:
        InputError: the choices of the space do not fit that image size.
    """
    wanted = {"image_size": image_size, "in_channels": in_channels, "num_classes": num_classes}
    return space_from(YamlSource(space.name, {**space.to_dict(), **wanted}), space.name)
