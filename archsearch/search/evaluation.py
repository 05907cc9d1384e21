"""One trial of a search, from its proposal to its result."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from archsearch.space import Params

Direction = Literal["min", "max"]
#: ``infeasible``: over a limit before it was evaluated; ``pruned``: paused at a rung below the
#: last, or stopped early
EvaluationState = Literal["running", "complete", "pruned", "infeasible", "failed"]


@dataclass(frozen=True)
class Evaluation:
    """One trial of a search: one configuration, evaluated at one fidelity.

    Attributes:
        number: in the order of proposals.
        params: active parameters.
        values: objectives, constraints and known values by name; empty if it failed.
        feasible: whether every constraint is met.
        failure: why it failed; empty if it did not.
        origin: how the proposal was made; ``promoted`` for one that was evaluated before at a
            lower fidelity.
        fidelity: at which it was evaluated; None in a search without rungs.
        candidate: number of the trial in which the configuration was first evaluated.
        state: how far it has come.
        digest: identity of the configuration.
        rung: index of the fidelity.
        violations: by which share each limit is exceeded; zero or less where it is kept, and what
            is not known counts as kept.
        is_evaluated: whether an evaluation has ended, and not only what comes before it.
        detail: what the evaluator knows besides, e.g. a `TrialRecord`.
        notes: what the study keeps of a trial in progress, plain data, so that another session
            goes on with it.
    """

    number: int
    params: Params
    values: Mapping[str, float] = field(default_factory=dict)
    feasible: bool = True
    failure: str = ""
    origin: str = ""
    fidelity: float | None = None
    candidate: int = -1
    state: EvaluationState = "running"
    digest: str = ""
    rung: int = 0
    violations: Mapping[str, float] = field(default_factory=dict)
    is_evaluated: bool = False
    detail: Any = None
    notes: Mapping[str, Any] = field(default_factory=dict)
