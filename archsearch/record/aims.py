"""Objectives of a front and its budgets."""

from pydantic import Field

from archsearch.arch import Spec
from archsearch.record.latency import EVEN_CHANCE

#: name of the latency at the first target, as objective, budget and value
FIRST_TARGET = "latency_ms"


class Aims(Spec):
    """The objectives of a front, and its latency budgets.

    Attributes:
        objectives: ``accuracy`` (higher is better), ``params``, ``macs``, ``memory_bytes``,
            ``latency_ms``, and ``NAME_ms`` of a further target (lower is better).
        budgets_ms: upper limits of latencies, by the same names.
        confidence: with which a budget is to be kept; 0.5 holds the estimate against it.
    """

    objectives: tuple[str, ...] = ("accuracy", FIRST_TARGET)
    budgets_ms: dict[str, float] = Field(default_factory=dict)
    confidence: float = EVEN_CHANCE

    @property
    def latencies(self) -> tuple[str, ...]:
        """Names of all latencies that matter, the first target's first."""
        aimed = [name for name in self.objectives if name.endswith("_ms")]
        return tuple(dict.fromkeys((FIRST_TARGET, *aimed, *self.budgets_ms)))

    @classmethod
    def of(cls, given: "Aims | float | None") -> "Aims":
        """Return aims; a number is the budget of accuracy against latency."""
        if isinstance(given, Aims):
            return given
        return cls() if given is None else cls(budgets_ms={FIRST_TARGET: given})
