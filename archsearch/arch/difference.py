"""What differs between two architectures."""

from dataclasses import dataclass
from typing import Any

from archsearch.arch.architecture import Arch
from archsearch.settings import leaves
from archsearch.yaml_source import dotted


@dataclass(frozen=True)
class Difference:
    """One value that two architectures do not share.

    Attributes:
        key: dotted path of the value.
        left: value of the first architecture; None where it has none.
        right: value of the second; None where it has none.
    """

    key: str
    left: Any
    right: Any

    def __str__(self) -> str:
        return f"{self.key}: {self.left} -> {self.right}"


def diff(left: Arch, right: Arch) -> tuple[Difference, ...]:
    """Return the differing values of two architectures in canonical form, in file order.

    Args:
        left: one architecture.
        right: the other.

    Returns:
        one `Difference` for each value that differs; empty for equal networks.

    Examples:
        >>> from archsearch import diff, zoo
        >>> for each in diff(zoo.arch("localvit_tiny"), zoo.arch("localvit_tiny_se4")):
        ...     print(each)
        stages.0.blocks.0.ffn.gate.reduction: 192 -> 4
    """
    a = leaves(left.canonical().model_dump(mode="json"))
    b = leaves(right.canonical().model_dump(mode="json"))
    keys = dict.fromkeys([*a, *b])
    return tuple(
        Difference(dotted(key), a.get(key), b.get(key)) for key in keys if a.get(key) != b.get(key)
    )
