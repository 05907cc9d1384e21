"""What differs between two architectures."""

from dataclasses import dataclass
from typing import Any

from archsearch.arch.architecture import Arch
from archsearch.settings import leaves
from archsearch.yaml_source import dotted


@dataclass(frozen=True)
class Difference:
    """One value that two architectures do not share; None where a side has none."""

    key: str
    left: Any
    right: Any

    def __str__(self) -> str:
        return f"{self.key}: {self.left} -> {self.right}"


def diff(left: Arch, right: Arch) -> tuple[Difference, ...]:
    """Return the differing values of two architectures in canonical form, in file order."""
    a = leaves(left.canonical().model_dump(mode="json"))
    b = leaves(right.canonical().model_dump(mode="json"))
    keys = dict.fromkeys([*a, *b])
    return tuple(
        Difference(dotted(key), a.get(key), b.get(key)) for key in keys if a.get(key) != b.get(key)
    )
