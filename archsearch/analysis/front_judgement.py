"""Which accuracies of a front can be distinguished: one judgement, over seeds and images."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from archsearch.analysis.interval_methods import IntervalMethod, Own, Pooled
from archsearch.analysis.max_t import Floats
from archsearch.analysis.reported_accuracy import (
    deciding_accuracies,
    interval_of_difference,
    reported_accuracies,
)
from archsearch.analysis.seed_spread import spread_of
from archsearch.analysis.significance import difference_interval, num_images
from archsearch.analysis.trial_choice import best, front_trials
from archsearch.record import Aims, RunRecord, TrialRecord

AccuracyVerdict = Literal["better", "worse", "not distinguishable"]
TIE: AccuracyVerdict = "not distinguishable"


class Difference(NamedTuple):
    """The accuracy of one trial of a front against another's.

    Attributes:
        trial: number of the one.
        other: number of the other.
        num_pairs: seeds that both have; 0 where they were compared without.
        difference: trial minus other, a share; the mean over the seeds that both have.
        interval: of the difference, with the noise of seeds and of counting images.
        verdict: what the interval says of ``trial``.
    """

    trial: int
    other: int
    num_pairs: int
    difference: float
    interval: tuple[float, float]
    verdict: AccuracyVerdict

    def reverse(self) -> "Difference":
        """Return the same with the roles exchanged."""
        low, high = self.interval
        interval = (-high, -low)
        verdict = _verdict(interval)
        return Difference(
            self.other, self.trial, self.num_pairs, -self.difference, interval, verdict
        )


class FrontJudgement(NamedTuple):
    """The comparisons of a front's accuracies; every statement on them comes from here.

    Attributes:
        best: number of the best trial; None for an empty front.
        neighbours: each trial with other seeds against the next faster one that shares a seed
            with it, by increasing latency.
        to_best: each trial against the best, by increasing latency; without those that cannot
            be compared.
        ties: numbers of the trials that cannot be distinguished from the best.
        confidence: of all intervals of ``neighbours`` and ``to_best`` over seeds together.
        method: how the intervals were made, in a few words; empty without other seeds.
    """

    best: int | None
    neighbours: tuple[Difference, ...]
    to_best: tuple[Difference, ...]
    ties: tuple[int, ...]
    confidence: float
    method: str


def judge_front(
    front: Sequence[TrialRecord],
    images: int | None,
    aims: Aims | float | None = None,
    confidence: float = 0.95,
) -> FrontJudgement:
    """Compare the accuracies of a front: each trial's with the next faster's, and with the best's.

    Over seeds that both have, the noise between seeds is pooled over all trials, in a model of
    trial plus seed, where their spreads agree, and each pair has its own t interval where they do
    not (`archsearch.analysis.compare`). The noise of counting images is added by squares, as
    of two independent counts: all seeds are counted on the same images, so it does not fall with
    their number. These intervals hold together. Trials without a common seed are compared by
    the intervals that they are reported with, 95 % each.

    A trial ties with the best where their interval holds 0. One that is known to be worse than any
    trial whose accuracy is no higher than the best's does not.

    Args:
        front: by increasing latency.
        images: validation images behind each accuracy; None when unknown.
        aims: says with its budgets which trials may be best.
        confidence: of the intervals over seeds together.
    """
    top = best(front, aims)
    numbers = [trial.number for trial in front]
    accuracies = {
        trial.number: trial.seed_accuracies
        for trial in front
        if trial.seed_accuracies and trial.accuracy is not None
    }
    adjacent = [(trial, faster) for faster, trial in pairwise(accuracies)]
    to_top = [(n, top.number) for n in numbers if n != top.number] if top is not None else []
    seeded, method = _over_seeds(accuracies, [*adjacent, *to_top], images, confidence)
    alone = _as_reported(front, [pair for pair in to_top if pair not in seeded], images)
    neighbours = tuple(seeded[pair] for pair in adjacent if pair in seeded)
    found = {**alone, **seeded}
    to_best = tuple(found[pair] for pair in to_top if pair in found)
    ties = _ties(front, top, (*neighbours, *to_best))
    best_number = top.number if top is not None else None
    return FrontJudgement(best_number, neighbours, to_best, ties, confidence, method)


def run_judgement(run: RunRecord) -> FrontJudgement:
    """Return `judge_front` of a run's front."""
    return judge_front(front_trials(run), num_images(run), run.aims)


def _ties(
    front: Sequence[TrialRecord], top: TrialRecord | None, found: Sequence[Difference]
) -> tuple[int, ...]:
    if top is None:
        return ()
    known = deciding_accuracies(front)
    highest = known.get(top.number, math.inf)
    both = [*found, *(each.reverse() for each in found)]
    alike = {each.trial for each in both if each.other == top.number and each.verdict == TIE}
    worse = {
        each.trial
        for each in both
        if each.verdict == "worse" and known.get(each.other, math.inf) <= highest
    }
    return tuple(trial.number for trial in front if trial.number in alike - worse)


Pair = tuple[int, int]


def _over_seeds(
    accuracies: Mapping[int, Mapping[int, float]],
    wanted: Sequence[Pair],
    images: int | None,
    confidence: float,
) -> tuple[dict[Pair, Difference], str]:
    """Return what seeds say of each wanted pair that shares some, and by which method."""
    pairs = _shared_seeds(accuracies, wanted)
    if not pairs:
        return {}, ""
    names = {pair: f"{pair[0]} {pair[1]}" for pair in pairs}
    gaps = {
        names[pair]: [accuracies[pair[0]][seed] - accuracies[pair[1]][seed] for seed in seeds]
        for pair, seeds in pairs.items()
    }
    level = 1.0 - (1.0 - confidence) / len(pairs)
    spread = spread_of({str(number): own for number, own in accuracies.items()}, images)
    intervals: IntervalMethod | None = None
    if spread is None:
        if images is None:
            return {}, ""
        method = f"one seed each: the noise of counting {images:,} images"
    elif spread.equal:
        by_name = {names[pair]: seeds for pair, seeds in pairs.items()}
        intervals = Pooled(spread, by_name, confidence, _correlation(pairs))
        method = f"spread between seeds pooled over {len(accuracies)} trials"
    else:
        intervals = Own(spread, gaps, confidence)
        method = "unequal spreads between seeds: each pair by its own"
    found = {}
    for pair, seeds in pairs.items():
        gap = float(np.mean(gaps[names[pair]]))
        interval = intervals.interval(names[pair], gap) if intervals is not None else (gap, gap)
        if images is not None:
            means = [float(np.mean([accuracies[n][seed] for seed in seeds])) for n in pair]
            counted = difference_interval(means[0], means[1], images, confidence=level)
            interval = _joined(gap, interval, counted)
        found[pair] = Difference(*pair, len(seeds), gap, interval, _verdict(interval))
    # a pair that is wanted both ways is judged once
    back = {(other, trial): each.reverse() for (trial, other), each in found.items()}
    return {**back, **found}, method


def _shared_seeds(
    accuracies: Mapping[int, Mapping[int, float]], wanted: Sequence[Pair]
) -> dict[Pair, list[int]]:
    """Return the common seeds of each wanted pair that has some, either way round once."""
    pairs: dict[Pair, list[int]] = {}
    for trial, other in wanted:
        shared = sorted(set(accuracies.get(trial, {})) & set(accuracies.get(other, {})))
        if shared and (other, trial) not in pairs:
            pairs[trial, other] = shared
    return pairs


def _as_reported(
    front: Sequence[TrialRecord], wanted: Sequence[Pair], images: int | None
) -> dict[Pair, Difference]:
    """Return what the reported accuracies and their intervals say of each pair."""
    known = reported_accuracies(front, images)
    found = {}
    for trial, other in wanted:
        if trial not in known or other not in known:
            continue
        interval = interval_of_difference(known[trial], known[other])
        if interval is not None:
            gap = known[trial].value - known[other].value
            found[trial, other] = Difference(trial, other, 0, gap, interval, _verdict(interval))
    return found


def _joined(
    gap: float, first: tuple[float, float], second: tuple[float, float]
) -> tuple[float, float]:
    """Return the interval of a difference under two independent kinds of noise."""
    return (
        gap - math.hypot(gap - first[0], gap - second[0]),
        gap + math.hypot(first[1] - gap, second[1] - gap),
    )


def _verdict(interval: tuple[float, float]) -> AccuracyVerdict:
    low, high = interval
    return "better" if low > 0 else "worse" if high < 0 else TIE


def _correlation(pairs: Mapping[Pair, list[int]]) -> Floats:
    """Return that of the differences: two that share a trial share its noise, with either sign."""

    def covariance(first: Pair, second: Pair) -> float:
        common = len(set(pairs[first]) & set(pairs[second]))
        signs = [
            (1 if a == 0 else -1) * (1 if b == 0 else -1)
            for a, x in enumerate(first)
            for b, y in enumerate(second)
            if x == y
        ]
        return sum(signs) * common / (len(pairs[first]) * len(pairs[second]))

    table = np.array([[covariance(a, b) for b in pairs] for a in pairs])
    scale = np.sqrt(np.diag(table))
    return np.asarray(table / np.outer(scale, scale))
