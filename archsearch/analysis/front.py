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
    """Return the complete trials with known accuracy that are not known to be over the budget.

    A trial is over the budget where a measurement says so: one that was not rejected, and whose
    whole interval lies over it. Where the interval crosses the budget, or the latency is a guess,
    the trial stays (`TrialRecord.known_latency`, `LatencyResult.crosses`).
    """
    return tuple(
        trial
        for trial in trials
        if trial.state == "complete"
        and trial.accuracy is not None
        and trial.known_latency is not None
        and not trial.known_latency.is_over(budget_ms)
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
    """Return the complete trials within the budget that none is known to beat, fastest first.

    Objectives are validation accuracy (up) and latency (down; the final measurement where there
    is one that was not rejected). Trials that are equal in both are all kept, by trial number.

    A guess drops nothing. A trial that was measured again is beaten only by others that were; a
    rejected latency beats others by the upper end of its interval and is beaten by the lower one,
    and where the spread is unknown it does neither.
    """
    known = eligible(trials, budget_ms)
    confirmed = _best([_worst(trial) for trial in known if trial.is_confirmed])
    anyone = _best([_worst(trial) for trial in known])
    front = [
        trial for trial in known if not _beaten(trial, confirmed if trial.is_confirmed else anyone)
    ]
    return tuple(sorted(front, key=lambda trial: (trial.latency_ms, trial.number)))


def best_guesses(front: Iterable[TrialRecord]) -> tuple[TrialRecord, ...]:
    """Return the members of a front that no other member beats by its plain values.

    The others are on the front only because their latency is not known well enough to drop them.
    """
    members = tuple(front)
    kept = nondominated(objectives(members), maximise=(True, False))
    return tuple(member for member, is_kept in zip(members, kept, strict=True) if is_kept)


def _ends(trial: TrialRecord) -> tuple[float, float]:
    """Return the lowest and the highest latency that a trial counts with, in ms."""
    latency = trial.known_latency
    assert latency is not None, "who is eligible has a latency"
    low, high = latency.claimed_ms, latency.at_most_ms
    return (0.0 if low is None else low, np.inf if high is None else high)


def _worst(trial: TrialRecord) -> tuple[float, float]:
    """Return accuracy and latency that a trial reaches at least."""
    return (trial.accuracy or 0.0, _ends(trial)[1])


def _best(points: list[tuple[float, float]]) -> NDArray[np.float64]:
    """Return the non-dominated ones of points of known latency: (N, 2)."""
    table = np.array(points, dtype=np.float64).reshape(-1, 2)
    table = table[np.isfinite(table[:, 1])]
    return table[nondominated(table, maximise=(True, False))]


def _beaten(trial: TrialRecord, by: NDArray[np.float64]) -> bool:
    """Return whether one of the points is as good as the trial can be, and better in one."""
    accuracy, latency = trial.accuracy or 0.0, _ends(trial)[0]
    as_good = (by[:, 0] >= accuracy) & (by[:, 1] <= latency)
    return bool((as_good & ((by[:, 0] > accuracy) | (by[:, 1] < latency))).any())
