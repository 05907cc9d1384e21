"""One parameter of a search space: its name, its values, and when it is active."""

from dataclasses import dataclass
from typing import Any

Value = str | int | float | bool
Params = dict[str, Value]
Condition = tuple[tuple[str, Value], ...]


@dataclass(frozen=True)
class Parameter:
    """A named set of values to choose one from.

    Attributes:
        name: unique in its space and stable when options are added, e.g. ``stages.1.depth`` or
            ``stages.1.attention.window_global.window_size``.
        values: what it may be, as written; an option that is a mapping goes by its label.
        ordered: the values are numbers, so that "between" and "next to" mean something.
        conditions: it is active when all pairs (parameter, value) of any one of these hold;
            empty when it is always active.
    """

    name: str
    values: tuple[Value, ...]
    ordered: bool
    conditions: tuple[Condition, ...] = ()

    @property
    def conditional(self) -> bool:
        """Whether some choices elsewhere leave this parameter without effect."""
        return bool(self.conditions)

    @property
    def parents(self) -> tuple[str, ...]:
        """Names of the parameters that decide whether this one is active."""
        names = [name for condition in self.conditions for name, _ in condition]
        return tuple(dict.fromkeys(names))

    def rank(self, value: object) -> int | None:
        """Return the position of ``value`` among the values in increasing order; None if absent.

        Values that are not numbers keep the order they were written in.
        """
        values: list[Any] = sorted(self.values) if self.ordered else list(self.values)
        for index, each in enumerate(values):
            if each == value and isinstance(each, bool) == isinstance(value, bool):
                return index
        return None
