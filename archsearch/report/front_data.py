"""The data of the plot of a front, computed apart from drawing it."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from archsearch.analysis import baseline_accuracies, best, front_trials, knee, run_accuracies
from archsearch.record import LatencyResult, RunRecord, TrialRecord


class Marks(NamedTuple):
    """Trials drawn alike; all tuples are equally long.

    Attributes:
        numbers: trial numbers.
        latency_ms: x.
        accuracy: y, 0 to 1.
        low_ms: lower end of the latency's interval; NaN where it is unknown.
        high_ms: its upper end.
        low: lower end of the interval of the accuracy; its value where none is known or drawn.
        high: its upper end.
    """

    numbers: tuple[int, ...] = ()
    latency_ms: tuple[float, ...] = ()
    accuracy: tuple[float, ...] = ()
    low_ms: tuple[float, ...] = ()
    high_ms: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


class NamedMarks(NamedTuple):
    """Known networks; all tuples are equally long.

    Attributes:
        names: without ``timm:`` or ``zoo:``.
        latency_ms: x.
        accuracy: y, 0 to 1.
        low_ms: lower end of the latency's interval; NaN where it is unknown.
        high_ms: its upper end.
    """

    names: tuple[str, ...] = ()
    latency_ms: tuple[float, ...] = ()
    accuracy: tuple[float, ...] = ()
    low_ms: tuple[float, ...] = ()
    high_ms: tuple[float, ...] = ()


class FrontInfo(NamedTuple):
    """Accuracy against latency of a run, on two scales that are never mixed.

    As the search saw them: first measured latency, accuracy with the search seed. As they are
    reported: final latency, mean over other seeds, as in every table.

    Attributes:
        front: the front as it is reported, by increasing latency; the scale of the baselines.
        searched: the front as the search saw it, in the same order; the scale of the next three.
        dominated: complete trials beside the front, within budget or dropped from it.
        left: of these, those that were measured again, with their final latency.
        pruned: trials stopped early or paused, with the accuracy they had then.
        infeasible: over budget and never trained; their accuracy is 0 by convention, not known.
        failed: numbers of the trials that failed.
        budget_ms: latency budget; None for none.
        best: number of the most accurate trial of the front.
        knee: number of the knee of the front.
        latency_range: x values that the plot opens with, in ms.
        accuracy_range: y values that it opens with.
        baselines: known networks, trained and measured alike.
    """

    front: Marks
    searched: Marks
    dominated: Marks
    left: Marks
    pruned: Marks
    infeasible: Marks
    failed: tuple[int, ...]
    budget_ms: float | None
    best: int | None
    knee: int | None
    latency_range: tuple[float, float]
    accuracy_range: tuple[float, float]
    baselines: NamedMarks = NamedMarks()

    @property
    def again(self) -> bool:
        """Whether the front is reported with other numbers than the search saw."""
        return (
            self.front.latency_ms != self.searched.latency_ms
            or self.front.accuracy != self.searched.accuracy
        )

    @property
    def outside(self) -> int:
        """Number of marks that lie outside the ranges that the plot opens with."""
        (left, right), (bottom, top) = self.latency_range, self.accuracy_range
        trained = (self.front, self.dominated, self.left, self.pruned, self.baselines)
        out = sum(
            not (left <= x <= right and bottom <= y <= top)
            for marks in trained
            for x, y in zip(marks.latency_ms, marks.accuracy, strict=True)
        )
        return out + sum(not left <= x <= right for x in self.infeasible.latency_ms)


def front_info(run: RunRecord) -> FrontInfo:
    """Sort the trials of a run into the groups that the plot of its front shows."""
    front = front_trials(run)
    on_front = {trial.number for trial in front}
    groups: dict[str, list[TrialRecord]] = {"complete": [], "pruned": [], "infeasible": []}
    for trial in run.trials:
        if trial.state in groups and trial.number not in on_front and trial.latency_ms is not None:
            groups[trial.state].append(trial)
    chosen, at_knee = best(front, run.aims), knee(front, run.aims)
    dominated, pruned = _searched(groups["complete"]), _searched(groups["pruned"])
    left = [trial for trial in groups["complete"] if trial.final_latency is not None]
    shown, searched = _reported(front, run), _searched(front)
    trained = (*shown.latency_ms, *searched.latency_ms, *dominated.latency_ms)
    baselines = _named(run)
    near = _near(baselines, run, shown)
    return FrontInfo(
        front=shown,
        searched=searched,
        dominated=dominated,
        left=_reported(left, run),
        pruned=pruned,
        infeasible=_searched(groups["infeasible"]),
        failed=tuple(trial.number for trial in run.trials if trial.state == "failed"),
        budget_ms=run.budget_ms,
        best=chosen.number if chosen else None,
        knee=at_knee.number if at_knee else None,
        latency_range=_latency_range(run, trained, near),
        accuracy_range=_accuracy_range(
            (*shown.accuracy, *searched.accuracy), dominated.accuracy, pruned.accuracy, near
        ),
        baselines=baselines,
    )


def _searched(trials: Iterable[TrialRecord]) -> Marks:
    """Return trials as the search saw them: first measurement, seed that chose."""
    rows = []
    for trial in trials:
        latency = trial.latency or trial.final_latency
        accuracy = _accuracy(trial)
        if latency is not None and accuracy is not None:
            ends = _ends(latency)
            rows.append((trial.number, latency.median_ms, accuracy, *ends, accuracy, accuracy))
    return Marks(*zip(*rows, strict=True)) if rows else Marks()


def _reported(trials: Sequence[TrialRecord], run: RunRecord) -> Marks:
    """Return trials as they are reported: final latency, mean over other seeds."""
    reported = run_accuracies(run)
    rows = []
    for trial in trials:
        latency, found = trial.known_latency, reported.get(trial.number)
        if latency is None or found is None:
            continue
        # the interval of one seed is that of every mark: it would say nothing of this one
        known = found.interval is not None and found.num_seeds
        ends = found.interval if found.interval and known else (found.value, found.value)
        rows.append((trial.number, latency.median_ms, found.value, *_ends(latency), *ends))
    return Marks(*zip(*rows, strict=True)) if rows else Marks()


def _ends(latency: LatencyResult) -> tuple[float, float]:
    return latency.interval_ms or (math.nan, math.nan)


def _accuracy(trial: TrialRecord) -> float | None:
    if trial.accuracy is not None:
        return trial.accuracy
    if trial.state == "infeasible":
        return 0.0
    return trial.curve[-1].accuracy if trial.curve else None


def _named(run: RunRecord) -> NamedMarks:
    reported = baseline_accuracies(run)
    rows = [
        (
            each.name.partition(":")[2],
            each.latency.median_ms,
            reported[each.name].value,
            *_ends(each.latency),
        )
        for each in run.baselines
        if each.latency is not None and each.accuracy is not None
    ]
    return NamedMarks(*zip(*rows, strict=True)) if rows else NamedMarks()


def _near(baselines: NamedMarks, run: RunRecord, front: Marks) -> list[tuple[float, float]]:
    """Return latency and accuracy of the baselines that the view can hold without shrinking.

    One that takes thrice the budget, or was hardly trained by so few epochs, stays outside.
    """
    if not front.numbers:
        return []
    slowest = 1.7 * (run.budget_ms or max(front.latency_ms))
    poorest = 1 - 3 * (1 - min(front.accuracy)) - 0.03
    pairs = zip(baselines.latency_ms, baselines.accuracy, strict=True)
    return [(x, y) for x, y in pairs if x <= slowest and y >= poorest]


def _latency_range(
    run: RunRecord, trained: Sequence[float], near: Sequence[tuple[float, float]]
) -> tuple[float, float]:
    """From just below the fastest complete trial to a little past the budget."""
    right = max(trained, default=0.0)
    if run.budget_ms is not None:
        # a trial that the final measurement put far over the budget may not squeeze the others
        right = min(max(right, run.budget_ms * 1.06), run.budget_ms * 1.15)
    if right <= 0:
        right = max((trial.latency_ms or 0.0 for trial in run.trials), default=0.0) or 1.0
    left = min(trained, default=0.0)
    for x, _ in near:
        # room for the name beside the mark
        left, right = min(left, x), max(right, 1.08 * x)
    if left >= right:
        # one trial alone, and no budget: it stands in the middle
        left, right = 0.8 * right, 1.2 * right
    return (max(0.0, left - 0.12 * (right - left)), right + 0.04 * (right - left))


def _accuracy_range(
    front: Sequence[float],
    dominated: Sequence[float],
    pruned: Sequence[float],
    near: Sequence[tuple[float, float]],
) -> tuple[float, float]:
    """Hold the front and most complete trials; a few poor ones may not flatten the rest."""
    if not front:
        return (0.0, 1.0)
    bottom, top = min(front), max(front)
    if dominated:
        bottom = min(bottom, float(np.quantile(dominated, 0.1)))
    elif pruned:
        bottom = min(bottom, float(np.median(pruned)))
    for _, y in near:
        bottom, top = min(bottom, y), max(top, y)
    pad = max(0.09 * (top - bottom), 0.01)
    return (max(0.0, bottom - pad), min(top + pad, 1.005))
