"""Comparison of several runs: which are comparable, and how their fronts differ."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archsearch.analysis.front import nondominated, objectives
from archsearch.analysis.front_volume import Reference, hypervolume
from archsearch.analysis.reported_accuracy import decided_by_others, deciding_accuracies
from archsearch.analysis.significance import difference_interval, num_images
from archsearch.analysis.trial_choice import front_trials
from archsearch.image_size import size_text
from archsearch.record import LatencyResult, RunRecord, TrialRecord

#: draws behind an interval of a hypervolume
_DRAWS = 2000
#: standard deviations that the interval of a session is taken to be wide
_WIDTH = 3.92


class Ground(NamedTuple):
    """The conditions that two runs must share to be comparable.

    Attributes:
        environment: fingerprint of the machine and software that measured.
        protocol: batch size, threads, type and runtime of the measured inference.
        data: data set, its sizes and the size of its images.
    """

    environment: str
    protocol: str
    data: str


class Estimate(NamedTuple):
    """A number with its interval: 95 % over images, and over the intervals of latencies.

    None where the number of images is not known.
    """

    value: float
    interval: tuple[float, float] | None


class Dominated(NamedTuple):
    """A point of one front that a point of another front dominates.

    Attributes:
        trial: the dominated one.
        by: the other, no slower and no less accurate, better in one of them.
        gain: accuracy of ``by`` minus that of ``trial``, as a share.
        ratio: latency of ``by`` over that of ``trial``.
        clear: accuracy is better beyond its 95 % interval, or latency beyond the intervals of both
            sessions, and neither worse.
    """

    trial: TrialRecord
    by: TrialRecord
    gain: float
    ratio: float
    clear: bool


def ground(run: RunRecord) -> Ground:
    """Return the conditions that the numbers of a run were taken under."""
    results = [each.known_latency for each in (front_trials(run) or run.trials)]
    known = [each for each in results if each is not None]
    environments = {each.environment for each in known} - {""}
    environment = ", ".join(sorted(environments)) if environments else run.environment.fingerprint
    identity = run.config.get("identity")
    name = str(identity.get("data", "")) if isinstance(identity, dict) else ""
    data = run.config.get("data")
    sizes = data if isinstance(data, dict) else {}
    facts = [
        f"{key} {size_text(sizes[key]) if key == 'image_size' else sizes[key]}"
        for key in ("train", "val", "test", "image_size")
        if key in sizes
    ]
    return Ground(
        environment, _protocol(known[0]) if known else "", ", ".join([name, *facts]).strip(", ")
    )


def _protocol(result: LatencyResult) -> str:
    threads = "1 thread" if result.threads == 1 else f"{result.threads} threads"
    return f"batch {result.batch_size}, {threads}, {result.dtype}, {result.runtime}"


def comparable(runs: Sequence[RunRecord]) -> tuple[tuple[int, ...], ...]:
    """Return the indices of the runs with equal conditions, group by group."""
    groups: dict[Ground, list[int]] = {}
    for place, run in enumerate(runs):
        groups.setdefault(ground(run), []).append(place)
    return tuple(tuple(places) for places in groups.values())


def common_reference(runs: Sequence[RunRecord]) -> Reference:
    """Return one worst corner for all of ``runs``: guessing, and the largest budget.

    A run without a budget counts with the slowest point of its front.
    """
    limits, classes = [1e-9], 2
    for run in runs:
        slowest = max((t.latency_ms or 0.0 for t in front_trials(run)), default=0.0)
        limits.append(run.budget_ms if run.budget_ms is not None else slowest)
        if run.trials:
            classes = max(classes, run.trials[0].arch.num_classes)
    return Reference(1.0 / classes, max(limits))


def by_other_seeds(runs: Sequence[RunRecord]) -> bool:
    """Return whether the fronts of all ``runs`` can be compared over independent seeds."""
    return all(decided_by_others(front_trials(run)) for run in runs)


def on_one_scale(runs: Sequence[RunRecord]) -> tuple[RunRecord, ...]:
    """Return ``runs`` with one kind of accuracy on all of their fronts, for comparing them.

    That is the mean over other seeds where every front has it: members without are left out, and
    so are those that another member of their front beats by these means. Otherwise it is the
    accuracy with the search seed, and other seeds are left out.
    """
    others = by_other_seeds(runs)
    return tuple(_rescaled(run, others) for run in runs)


def _rescaled(run: RunRecord, others: bool) -> RunRecord:
    front = front_trials(run)
    if not others:
        plain = [trial.model_copy(update={"other_seeds": ()}) for trial in front]
    else:
        means = deciding_accuracies(front)
        known = [
            trial.model_copy(update={"accuracy": means[trial.number]})
            for trial in front
            if trial.number in means
        ]
        mask = nondominated(objectives(known), maximise=(True, False))
        plain = [trial for trial, kept in zip(known, mask, strict=True) if kept]
    by_number = {trial.number: trial for trial in plain}
    trials = tuple(by_number.get(trial.number, trial) for trial in run.trials)
    return run.model_copy(update={"trials": trials, "front": tuple(by_number)})


def hypervolume_draws(
    run: RunRecord, reference: Reference, draws: int = _DRAWS, seed: int = 0
) -> NDArray[np.float64]:
    """Return hypervolumes, as shares of the reference's area, of the front drawn anew; (draws,).

    Accuracies are drawn as counted on as many other images, latencies within their intervals. The
    points of the front stay the same, and so does the seed each was trained with: the spread is
    that of images and clocks, not of training again.
    """
    front, n = front_trials(run), num_images(run) or 0
    rng = np.random.default_rng(seed)
    if not front:
        return np.zeros(draws)
    accuracy = np.array([trial.accuracy or 0.0 for trial in front])
    latency = np.array([trial.latency_ms or 0.0 for trial in front])
    width = np.array([_interval_width(trial) for trial in front])
    drawn_accuracy = rng.binomial(n, accuracy, (draws, len(front))) / n if n else accuracy
    drawn_latency = np.maximum(latency + rng.normal(size=(draws, len(front))) * width / _WIDTH, 0)
    points = np.stack(np.broadcast_arrays(drawn_accuracy, drawn_latency), axis=-1)
    volumes = [hypervolume(each, reference, (True, False)) for each in points]
    return np.array(volumes) / (reference.area or 1.0)


def hypervolume_estimate(run: RunRecord, reference: Reference, draws: int = _DRAWS) -> Estimate:
    """Return the hypervolume of a front as a share of the reference's area, with its interval."""
    points = [(trial.accuracy, trial.latency_ms) for trial in front_trials(run)]
    value = hypervolume(np.array(points, dtype=np.float64).reshape(-1, 2), reference, (True, False))
    share = value / (reference.area or 1.0)
    if num_images(run) is None:
        return Estimate(share, None)
    low, high = np.quantile(hypervolume_draws(run, reference, draws), (0.025, 0.975))
    # noise moves a front's corners outward more than inward: the value itself stays inside
    return Estimate(share, (min(float(low), share), max(float(high), share)))


def hypervolume_difference(
    run: RunRecord, other: RunRecord, reference: Reference, draws: int = _DRAWS
) -> Estimate:
    """Return the hypervolume of ``run`` minus that of ``other``, with its interval."""
    values = [hypervolume_estimate(each, reference, 1).value for each in (run, other)]
    gap = values[0] - values[1]
    if num_images(run) is None or num_images(other) is None:
        return Estimate(gap, None)
    ours = hypervolume_draws(run, reference, draws, seed=1)
    theirs = hypervolume_draws(other, reference, draws, seed=2)
    low, high = np.quantile(ours - theirs, (0.025, 0.975))
    return Estimate(gap, (min(float(low), gap), max(float(high), gap)))


def dominated_points(run: RunRecord, other: RunRecord) -> tuple[Dominated, ...]:
    """Return the points of the front of ``run`` that the front of ``other`` dominates.

    Of several that dominate a point, the most accurate is named. Both runs must be `comparable`.
    """
    found = []
    for trial in front_trials(run):
        better = [each for each in front_trials(other) if _beats(each, trial)]
        if not better:
            continue
        by = max(better, key=lambda each: (each.accuracy or 0.0, -(each.latency_ms or 0.0)))
        gain = (by.accuracy or 0.0) - (trial.accuracy or 0.0)
        ratio = (by.latency_ms or 0.0) / (trial.latency_ms or 1.0)
        found.append(Dominated(trial, by, gain, ratio, _clear(trial, by, run, other)))
    return tuple(found)


def _beats(one: TrialRecord, other: TrialRecord) -> bool:
    a, b = (
        (one.accuracy or 0.0, -(one.latency_ms or 0.0)),
        (
            other.accuracy or 0.0,
            -(other.latency_ms or 0.0),
        ),
    )
    return a[0] >= b[0] and a[1] >= b[1] and a != b


def _clear(trial: TrialRecord, by: TrialRecord, run: RunRecord, other: RunRecord) -> bool:
    own, theirs = trial.known_latency, by.known_latency
    assert own is not None
    assert theirs is not None
    least, most = own.at_least_ms, None if theirs.is_guess else theirs.interval_ms
    if least is not None and most is not None and most[1] < least:
        return True
    n_by, n_trial = num_images(other), num_images(run)
    if not n_by or not n_trial:
        return False
    low, _ = difference_interval(by.accuracy or 0.0, trial.accuracy or 0.0, n_by, n_trial)
    return low > 0


def _interval_width(trial: TrialRecord) -> float:
    low, high = (trial.known_latency and trial.known_latency.interval_ms) or (0.0, 0.0)
    return high - low
