"""The papers' own designs at other sizes; widths and depths of a family are scaled together."""

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from archsearch.errors import InputError, Problem, nearest
from archsearch.image_size import ImageSize, sides_of
from archsearch.yaml_source import load_yaml

_FILE = Path(__file__).parent / "families.yaml"
#: of a shorter side below this, maps of the published stem and windows would be too small
_SMALL_PX = 160


class FamilySize(NamedTuple):
    """One size of a family.

    Attributes:
        model: the published model that it is made of.
        overrides: what differs from that, for images of any size.
        small: what differs besides on small images.
    """

    model: str
    overrides: dict[str, Any]
    small: dict[str, Any]

    def overrides_at(self, image_size: ImageSize) -> dict[str, Any]:
        """Return what differs from the published model on images of a size."""
        is_small = min(sides_of(image_size)) < _SMALL_PX
        return {**self.overrides, **(self.small if is_small else {})}


def families() -> list[str]:
    """Return the names of the families that have sizes."""
    return sorted(_families())


def sizes(family: str) -> list[str]:
    """Return the names of a family's sizes, from small to large: ``edgevit/1`` ...

    Raises:
        InputError: there is no such family.
    """
    return [f"{family}/{number}" for number in range(1, len(_sizes(family)) + 1)]


def family_size(name: str) -> FamilySize:
    """Return a size by its name.

    Args:
        name: family and number, such as ``edgevit/3``.

    Raises:
        InputError: there is no such family, or no such size.
    """
    family, _, number = name.partition("/")
    found = _sizes(family)
    if not number.isdecimal() or not 1 <= int(number) <= len(found):
        rule = f"must be {family}/1 to {family}/{len(found)}"
        raise InputError(Problem("zoo", rule, name))
    return found[int(number) - 1]


def _sizes(family: str) -> tuple[FamilySize, ...]:
    known = _families()
    if family not in known:
        rule = f"the zoo has no family '{family}'"
        raise InputError(Problem("", rule, None, nearest(family, list(known))))
    return known[family]


@cache
def _families() -> dict[str, tuple[FamilySize, ...]]:
    data: dict[str, Any] = load_yaml(_FILE).data
    return {
        name: tuple(FamilySize(each["model"], size, each["small"]) for size in each["sizes"])
        for name, each in data.items()
    }
