"""What differs between two architectures."""

from dataclasses import dataclass
from typing import Any

from archsearch.arch.architecture import Arch
from archsearch.yaml_source import KeyPath, dotted


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
    a = _flat(left.canonical().model_dump(mode="json"))
    b = _flat(right.canonical().model_dump(mode="json"))
    keys = dict.fromkeys([*a, *b])
    return tuple(
        Difference(dotted(key), a.get(key), b.get(key)) for key in keys if a.get(key) != b.get(key)
    )


def _flat(data: Any, path: KeyPath = ()) -> dict[KeyPath, Any]:
    if isinstance(data, dict):
        return {k: v for key, each in data.items() for k, v in _flat(each, (*path, key)).items()}
    if isinstance(data, list):
        return {k: v for i, each in enumerate(data) for k, v in _flat(each, (*path, i)).items()}
    return {path: data}
