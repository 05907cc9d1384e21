"""The tree of a search space: plain data with choices in it.

`resolve` turns a tree and the values of its parameters into plain data.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from archsearch.space.parameter import Params, Value
from archsearch.yaml_source import KeyPath


class Missing:
    """Marks a value that is not there, where None would be a value."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> str:
        return self.name  # a pickle refers to the one object of this name below


#: plain data of a node that depends on parameters
VARIES: Final = Missing("VARIES")
#: stands in the tree for a value whose problem has been reported already
INVALID: Final = Missing("INVALID")


@dataclass(frozen=True, eq=False)
class Node:
    """A place in the tree.

    Attributes:
        origin: where it was written in the file.
        fixed: its plain data when no parameter changes it, else `VARIES`.
    """

    origin: KeyPath
    fixed: Any = field(init=False, default=VARIES)


@dataclass(frozen=True, eq=False)
class Constant(Node):
    """A value that does not vary."""

    value: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "fixed", self.value)


@dataclass(frozen=True, eq=False)
class Fields(Node):
    """A mapping."""

    items: dict[str, Node]

    def __post_init__(self) -> None:
        if all(child.fixed is not VARIES for child in self.items.values()):
            fixed = {key: child.fixed for key, child in self.items.items()}
            object.__setattr__(self, "fixed", fixed)


@dataclass(frozen=True, eq=False)
class Items(Node):
    """A list; ``length``, when given, says how many of its first items are used."""

    items: tuple[Node, ...]
    length: Node | None = None

    def __post_init__(self) -> None:
        length = len(self.items) if self.length is None else self.length.fixed
        if length is VARIES:
            return
        used = self.items[:length] if isinstance(length, int) else self.items
        if all(child.fixed is not VARIES for child in used):
            object.__setattr__(self, "fixed", [child.fixed for child in used])


@dataclass(frozen=True, eq=False)
class Scaled(Node):
    """A number that follows another one."""

    base: Node
    times: float

    def __post_init__(self) -> None:
        if self.base.fixed is not VARIES:
            object.__setattr__(self, "fixed", self.scale(self.base.fixed))

    def scale(self, number: Any) -> Any:
        """Return ``number`` times the factor, as an integer where it is one."""
        if isinstance(number, bool) or not isinstance(number, int | float):
            return INVALID
        product = number * self.times
        return int(product) if float(product).is_integer() else product


@dataclass(frozen=True, eq=False)
class Choice(Node):
    """One of several options; ``values[i]`` names ``options[i]``."""

    name: str
    values: tuple[Value, ...]
    options: tuple[Node, ...]
    ordered: bool = False
    positions: dict[tuple[bool, Value], int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for index, value in enumerate(self.values):
            self.positions[value.__class__ is bool, value] = index

    def position(self, value: object) -> int | None:
        """Return the index of ``value`` among the values; None if it is not one of them."""
        if not isinstance(value, str | int | float):
            return None
        return self.positions.get((value.__class__ is bool, value))


def resolve(node: Node, params: Params) -> Any:
    """Return the plain data of ``node`` under ``params`` (which holds every active parameter)."""
    if node.fixed is not VARIES:
        return node.fixed
    if isinstance(node, Choice):
        value = params[node.name]
        return resolve(node.options[node.positions[value.__class__ is bool, value]], params)
    if isinstance(node, Fields):
        return {key: resolve(child, params) for key, child in node.items.items()}
    if isinstance(node, Items):
        used = node.items if node.length is None else node.items[: resolve(node.length, params)]
        return [resolve(child, params) for child in used]
    assert isinstance(node, Scaled)
    return node.scale(resolve(node.base, params))


def origins(node: Node, params: Params, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Node]]:
    """Yield every path of the plain data under ``params`` with the node it came from."""
    while isinstance(node, Choice):
        position = node.position(params[node.name])
        assert position is not None
        node = node.options[position]
    yield path, node
    if isinstance(node, Fields):
        for key, child in node.items.items():
            yield from origins(child, params, (*path, key))
    elif isinstance(node, Items):
        used = node.items if node.length is None else node.items[: resolve(node.length, params)]
        for index, child in enumerate(used):
            yield from origins(child, params, (*path, index))


def unfolded(node: Node) -> Iterator[tuple[Params, Node]]:
    """Yield ``node``, or what it may stand for if it is a choice, with the choices made."""
    if isinstance(node, Choice):
        for value, option in zip(node.values, node.options, strict=True):
            for given, inside in unfolded(option):
                yield {node.name: value, **given}, inside
    else:
        yield {}, node
