"""Which points no other point beats."""

from collections.abc import Iterable, Sequence

import moocore
import numpy as np
from numpy.typing import ArrayLike, NDArray

from archsearch.record import TrialRecord


def nondominated(points: ArrayLike, maximise: bool | Sequence[bool] = False) -> NDArray[np.bool_]:
    """Mark the points that no other point dominates.

    A point dominates another when it is at least as good in every objective and better in one;
    equal points do not dominate each other, so either all or none of them are marked.

    Args:
        points: (N, M), one row a point, one column an objective.
        maximise: direction of every objective, or one for all.

    Returns:
        (N,) mask. A row with a NaN is never marked and dominates nothing.
    """
    values = np.ascontiguousarray(points, dtype=np.float64)
    if values.ndim != 2:
        raise ValueError(f"`points` must be a table (N, M), but got shape {values.shape}")
    known = ~np.isnan(values).any(axis=1)
    mask = np.zeros(len(values), dtype=np.bool_)
    if known.any():
        mask[known] = moocore.is_nondominated(values[known], maximise=maximise, keep_weakly=True)
    return mask


def eligible(
    trials: Iterable[TrialRecord], budget_ms: float | None = None
) -> tuple[TrialRecord, ...]:
    """Return the complete trials with known accuracy and a latency within the budget.

    The latency is the final measurement where there is one: a trial that was under the budget
    before training and is over it in the final measurement is left out.
    """
    limit = np.inf if budget_ms is None else budget_ms
    return tuple(
        trial
        for trial in trials
        if trial.state == "complete"
        and trial.accuracy is not None
        and trial.latency_ms is not None
        and trial.latency_ms <= limit
    )


def objectives(trials: Iterable[TrialRecord]) -> NDArray[np.float64]:
    """Return (N, 2): accuracy (0 to 1) and latency (ms) of each trial; NaN where unknown."""
    rows = [
        (
            np.nan if trial.accuracy is None else trial.accuracy,
            np.nan if trial.latency_ms is None else trial.latency_ms,
        )
        for trial in trials
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, 2)


def pareto_front(
    trials: Iterable[TrialRecord], budget_ms: float | None = None
) -> tuple[TrialRecord, ...]:
    """Return the non-dominated complete trials within the budget, by increasing latency.

    Objectives are validation accuracy (up) and latency (down; the final measurement where there
    is one). Trials that are equal in both are all kept, by trial number.
    """
    known = eligible(trials, budget_ms)
    mask = nondominated(objectives(known), maximise=(True, False))
    front = [trial for trial, kept in zip(known, mask, strict=True) if kept]
    return tuple(sorted(front, key=lambda trial: (trial.latency_ms, trial.number)))
