"""The active parameters of a configuration: the choices of a tree, and those below each option."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from archsearch.space.nodes import Choice, Fields, Items, Node, Scaled
from archsearch.space.parameter import Condition, Parameter, Params, Value


@dataclass(frozen=True)
class Plan:
    """The choices under some nodes, in the order of the file.

    Attributes:
        root: choices that are always reached.
        choices: all choices, conditional ones included, each once.
        below: for each choice, for each of its options, the choices reached through it.
    """

    root: tuple[Choice, ...]
    choices: tuple[Choice, ...]
    below: dict[Choice, tuple[tuple[Choice, ...], ...]]

    @property
    def met_again(self) -> frozenset[str]:
        """Names of parameters that are met in more than one place, and are chosen once."""
        uses = Counter(choice.name for choice in self.root)
        for options in self.below.values():
            for below in options:
                uses.update(choice.name for choice in below)
        return frozenset(name for name, times in uses.items() if times > 1)

    @property
    def shared(self) -> frozenset[str]:
        """Names of the parameters that are met again, and of all below them."""
        names = self.met_again
        found: set[Choice] = set()
        pending = [choice for choice in self.choices if choice.name in names]
        while pending:
            choice = pending.pop()
            if choice not in found:
                found.add(choice)
                pending.extend(each for below in self.below[choice] for each in below)
        return frozenset(choice.name for choice in found)

    def walk(self, choose: Callable[[Choice], int]) -> Params:
        """Return the active parameters when ``choose`` picks the option of each reached choice."""
        params: Params = {}
        pending = list(reversed(self.root))
        while pending:
            choice = pending.pop()
            if choice.name in params:
                option = choice.position(params[choice.name])
                assert option is not None
            else:
                option = choose(choice)
                params[choice.name] = choice.values[option]
            pending.extend(reversed(self.below[choice][option]))
        return params

    def complete(self, given: Params) -> Params:
        """Return the active parameters: as given where known, else their first value."""
        return self.walk(lambda choice: choice.position(given.get(choice.name)) or 0)

    def configurations(self, given: Params | None = None) -> Iterator[Params]:
        """Yield the active parameters of every configuration that agrees with ``given``."""
        yield from self._configurations(list(reversed(self.root)), {}, given or {})

    def _configurations(
        self, pending: list[Choice], params: Params, given: Params
    ) -> Iterator[Params]:
        if not pending:
            yield dict(params)
            return
        choice, rest = pending[-1], pending[:-1]
        known = params.get(choice.name, given.get(choice.name))
        only = None if known is None else choice.position(known)
        options = range(len(choice.values)) if only is None else (only,)
        first = choice.name not in params
        for option in options:
            if first:
                params[choice.name] = choice.values[option]
            below = reversed(self.below[choice][option])
            yield from self._configurations([*rest, *below], params, given)
        if first:
            del params[choice.name]

    def parameters(self) -> dict[str, Parameter]:
        """Return every parameter by name, with the conditions under which it is active."""
        found: dict[str, list[Condition]] = {choice.name: [] for choice in self.choices}

        def visit(choices: Sequence[Choice], condition: Condition) -> None:
            for choice in choices:
                if condition not in found[choice.name]:
                    found[choice.name].append(condition)
                chosen = dict(condition)
                for value, below in zip(choice.values, self.below[choice], strict=True):
                    if choice.name not in chosen:
                        visit(below, (*condition, (choice.name, value)))
                    elif chosen[choice.name] == value:
                        visit(below, condition)

        visit(self.root, ())
        first = {choice.name: choice for choice in reversed(self.choices)}
        values = {name: choice.values for name, choice in first.items()}
        return {
            name: Parameter(name, values[name], first[name].ordered, _simplest(conditions, values))
            for name, conditions in found.items()
        }


def plan_of(*nodes: Node) -> Plan:
    """Return the plan of the choices under ``nodes``."""
    below: dict[Choice, tuple[tuple[Choice, ...], ...]] = {}
    order: list[Choice] = []
    _register(nodes, below, order)
    root = tuple(choice for node in nodes for choice in _nearest(node))
    return Plan(root, tuple(dict.fromkeys(order)), below)


def _register(
    nodes: Sequence[Node],
    below: dict[Choice, tuple[tuple[Choice, ...], ...]],
    order: list[Choice],
) -> None:
    """List every choice under ``nodes``, depth first."""
    for node in nodes:
        if isinstance(node, Choice):
            if node not in below:
                order.append(node)
                below[node] = ()
                _register(node.options, below, order)
                below[node] = tuple(_nearest(option) for option in node.options)
        elif isinstance(node, Fields):
            _register(list(node.items.values()), below, order)
        elif isinstance(node, Items):
            _register(node.items, below, order)
            if node.length is not None:
                _register([node.length], below, order)
            if isinstance(node.length, Choice):
                _put_items_below(node, node.length, below)
        elif isinstance(node, Scaled):
            _register([node.base], below, order)


def _nearest(node: Node) -> tuple[Choice, ...]:
    """Return the choices under ``node`` that no other choice stands above."""
    if isinstance(node, Choice):
        return (node,)
    if isinstance(node, Scaled):
        return _nearest(node.base)
    if isinstance(node, Fields):
        children: Sequence[Node] = list(node.items.values())
    elif isinstance(node, Items):
        children = node.items
        if isinstance(node.length, Choice):
            children = (*node.items[: _least(node.length)], node.length)
        elif node.length is not None:
            children = node.items[: int(node.length.fixed)]
    else:
        return ()
    return tuple(choice for child in children for choice in _nearest(child))


def _put_items_below(
    node: Items, length: Choice, below: dict[Choice, tuple[tuple[Choice, ...], ...]]
) -> None:
    """Let the items that only some lengths reach stand below those options of the length."""
    below[length] = tuple(
        (*held, *(c for item in node.items[_least(length) : int(count)] for c in _nearest(item)))
        for held, count in zip(below[length], length.values, strict=True)
    )


def _least(length: Choice) -> int:
    return min(int(value) for value in length.values)


def _simplest(
    conditions: list[Condition], values: dict[str, tuple[Value, ...]]
) -> tuple[Condition, ...]:
    """Drop conditions that other ones imply; nothing is left of one that always holds."""
    current = list(dict.fromkeys(conditions))
    changed = True
    while changed:
        changed = False
        for condition in current:
            if not condition:
                return ()
            *prefix, (name, _) = condition
            siblings = [(*prefix, (name, value)) for value in values[name]]
            if all(each in current for each in siblings):
                rest = [each for each in current if each not in siblings]
                current = list(dict.fromkeys([*rest, tuple(prefix)]))
                changed = True
                break
    return tuple(each for each in current if not any(set(other) < set(each) for other in current))
