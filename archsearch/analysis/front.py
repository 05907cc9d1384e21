"""Non-dominated points: the Pareto front."""

from collections.abc import Iterable, Mapping, Sequence

import moocore
import numpy as np
from numpy.typing import ArrayLike, NDArray

from archsearch.record import Aims, LatencyResult, TrialRecord


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
    trials: Iterable[TrialRecord], aims: Aims | float | None = None
) -> tuple[TrialRecord, ...]:
    """Return the complete trials with known objectives that are not known to be over a budget.

    A trial is over a budget where a measurement says so (`LatencyResult.is_over`): the estimate of
    a steady one, or the whole interval of a noisy one. A trial whose latency is a guess stays.
    """
    aims = Aims.of(aims)
    return tuple(
        trial
        for trial in trials
        if trial.state == "complete"
        and trial.accuracy is not None
        and trial.known_latency is not None
        and all(trial.value(name) is not None for name in aims.objectives)
        and not any(
            (latency := trial.latency_at(name)) is not None
            and latency.is_over(limit, aims.confidence)
            for name, limit in aims.budgets_ms.items()
        )
    )


def exceeds(latencies: Mapping[str, LatencyResult], aims: Aims | float | None) -> bool:
    """Return whether a latency is over its budget by its plain number, certain or not.

    Args:
        latencies: best knowledge by the name of the objective, e.g. `TrialRecord.latencies`.
        aims: the budgets.
    """
    limits = Aims.of(aims).budgets_ms
    return any(name in latencies and latencies[name].median_ms > limits[name] for name in limits)


def may_exceed(latencies: Mapping[str, LatencyResult], aims: Aims | float | None) -> bool:
    """Return whether a latency is not known well enough to say that its budget is kept.

    Arguments are those of `exceeds`.
    """
    limits = Aims.of(aims).budgets_ms
    return any(name in latencies and latencies[name].crosses(limits[name]) for name in limits)


def keeping(
    trials: Iterable[TrialRecord], aims: Aims | float | None = None
) -> tuple[TrialRecord, ...]:
    """Return those that keep every latency budget by their plain numbers; all where none does.

    What is called best or knee is one of them: a member that is on the front only because its
    latency is not known well enough is named where there is nothing better.
    """
    members = tuple(trials)
    kept = tuple(trial for trial in members if not exceeds(trial.latencies, aims))
    return kept or members


def objectives(
    trials: Iterable[TrialRecord], aims: Aims | float | None = None
) -> NDArray[np.float64]:
    """Return (N, M), by default accuracy (0 to 1) and latency (ms); NaN where unknown."""
    names = Aims.of(aims).objectives
    rows = [[np.nan if (v := trial.value(n)) is None else v for n in names] for trial in trials]
    return np.array(rows, dtype=np.float64).reshape(-1, len(names))


def pareto_front(
    trials: Iterable[TrialRecord], aims: Aims | float | None = None
) -> tuple[TrialRecord, ...]:
    """Return the non-dominated complete trials within the budgets, fastest first.

    Objectives are by default validation accuracy (up) and latency (down; the final measurement
    where there is one that was not rejected). Trials that are equal in all are all kept, by trial
    number.

    A rejected latency excludes nothing. A trial that was measured again is beaten only by others
    that were; a rejected latency beats others by the upper end of its interval and is beaten by the
    lower one, and where the spread is unknown it does neither.

    Args:
        trials: records of a run.
        aims: objectives and budgets; a number is the latency budget of accuracy against latency.
    """
    aims = Aims.of(aims)
    known = eligible(trials, aims)
    confirmed = _best([_counted(trial, aims, 1) for trial in known if trial.is_confirmed])
    anyone = _best([_counted(trial, aims, 1) for trial in known])
    front = [
        trial
        for trial in known
        if not _beaten(_counted(trial, aims, 0), confirmed if trial.is_confirmed else anyone)
    ]
    return tuple(sorted(front, key=lambda trial: (trial.latency_ms, trial.number)))


def best_guesses(
    front: Iterable[TrialRecord], aims: Aims | float | None = None
) -> tuple[TrialRecord, ...]:
    """Return the members of a front that no other member dominates by plain values.

    The others are on the front only because their latency is not known well enough to drop them.
    """
    members, aims = tuple(front), Aims.of(aims)
    maximise = [name == "accuracy" for name in aims.objectives]
    kept = nondominated(objectives(members, aims), maximise=maximise)
    return tuple(member for member, is_kept in zip(members, kept, strict=True) if is_kept)


def dominated_by(front: Iterable[TrialRecord], aims: Aims | float | None = None) -> dict[int, int]:
    """Return which members of a front another one dominates by plain values, and which that is.

    Returns:
        number of the member to number of the fastest one that dominates it.
    """
    members, aims = tuple(front), Aims.of(aims)
    kept = best_guesses(members, aims)
    found = {}
    for member in members:
        if member in kept:
            continue
        own = _smaller_is_better(member, aims)
        better = [
            each
            for each in kept
            if all(a <= b for a, b in zip(_smaller_is_better(each, aims), own, strict=True))
        ]
        if better:
            found[member.number] = min(
                better, key=lambda each: (each.latency_ms, each.number)
            ).number
    return found


def _smaller_is_better(trial: TrialRecord, aims: Aims) -> list[float]:
    values = ((name, trial.value(name)) for name in aims.objectives)
    return [
        np.nan if value is None else -value if name == "accuracy" else value
        for name, value in values
    ]


def _counted(trial: TrialRecord, aims: Aims, end: int) -> list[float]:
    """Return the objectives that a trial counts with, smaller is better.

    Args:
        trial: what is known.
        aims: names the objectives.
        end: 0 for the best that they may be, 1 for the worst.
    """
    point = []
    for name in aims.objectives:
        value = trial.value(name)
        assert value is not None, "an eligible trial has every objective"
        if name == "accuracy":
            value = -value
        elif (latency := trial.latency_at(name)) is not None:
            low, high = latency.claimed_ms, latency.at_most_ms
            ends = (0.0 if low is None else low, np.inf if high is None else high)
            value = ends[end]
        point.append(value)
    return point


def _best(points: list[list[float]]) -> NDArray[np.float64]:
    """Return the non-dominated ones of points without an unknown end: (N, M)."""
    if not points:
        return np.empty((0, 0))
    table = np.array(points, dtype=np.float64)
    table = table[np.isfinite(table).all(axis=1)]
    return table[nondominated(table)] if len(table) else np.empty((0, 0))


def _beaten(point: list[float], by: NDArray[np.float64]) -> bool:
    """Return whether a row of ``by`` is as good as ``point`` everywhere, and better in one."""
    if not len(by):
        return False
    own = np.array(point)
    return bool(((by <= own).all(axis=1) & (by < own).any(axis=1)).any())
