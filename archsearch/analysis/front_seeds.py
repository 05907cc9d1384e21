"""The front's accuracies under other seeds, and which neighbours on it they distinguish."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from archsearch.analysis.interval_methods import IntervalMethod, Own, Pooled
from archsearch.analysis.max_t import Floats
from archsearch.analysis.seed_spread import spread_of
from archsearch.analysis.significance import difference_interval
from archsearch.record import TrialRecord

NeighbourVerdict = Literal["better", "worse", "not distinguishable"]


class SeedMean(NamedTuple):
    """Accuracy of a trial over independent seeds, as shares.

    Attributes:
        trial: its number.
        mean: over the other seeds; the search seed, by which it came to the front, is left out.
        sd: standard deviation over them; None with one.
        num_seeds: how many.
    """

    trial: int
    mean: float
    sd: float | None
    num_seeds: int


class Neighbour(NamedTuple):
    """A trial of the front against the next faster one.

    Attributes:
        trial: its number.
        faster: number of the next faster trial that has other seeds too.
        num_pairs: seeds that both have.
        difference: mean of trial minus faster over these, a share.
        interval: of the difference, simultaneous over all neighbours.
        verdict: what the interval says.
    """

    trial: int
    faster: int
    num_pairs: int
    difference: float
    interval: tuple[float, float]
    verdict: NeighbourVerdict


class FrontSeeds(NamedTuple):
    """What other seeds say of a front.

    Attributes:
        means: by increasing latency; trials without other seeds are left out.
        neighbours: by increasing latency; empty when no interval can be had.
        optimism: mean of the accuracies by which the trials came to the front, minus the mean
            over the other seeds; about 0 without selection bias.
        confidence: of all intervals together.
        method: how the intervals were made, in a few words.
    """

    means: tuple[SeedMean, ...]
    neighbours: tuple[Neighbour, ...]
    optimism: float
    confidence: float
    method: str


def compare_seeds(
    front: Sequence[TrialRecord], num_images: int | None, confidence: float = 0.95
) -> FrontSeeds | None:
    """Compare each trial of a front with the next faster one over independent seeds.

    As in `archsearch.analysis.compare`, the noise between seeds is pooled over all trials, in a
    model of trial plus seed, where their spreads agree, and each pair has its own t interval
    where they do not. With one other seed a trial, the noise is known from the number of
    images alone.

    Args:
        front: by increasing latency.
        num_images: validation images behind each accuracy; None when unknown.
        confidence: of all intervals together.

    Returns:
        None when no trial was trained with another seed.
    """
    known = [trial for trial in front if trial.seed_accuracies and trial.accuracy is not None]
    if not known:
        return None
    accuracies = {trial.number: trial.seed_accuracies for trial in known}
    means = tuple(_mean(number, own) for number, own in accuracies.items())
    chosen = float(np.mean([trial.accuracy for trial in known]))
    optimism = chosen - float(np.mean([each.mean for each in means]))
    neighbours, method = _neighbours(accuracies, num_images, confidence)
    return FrontSeeds(means, neighbours, optimism, confidence, method)


def _mean(number: int, own: Mapping[int, float]) -> SeedMean:
    values = list(own.values())
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return SeedMean(number, float(np.mean(values)), sd, len(values))


def _neighbours(
    accuracies: Mapping[int, Mapping[int, float]], num_images: int | None, confidence: float
) -> tuple[tuple[Neighbour, ...], str]:
    numbers = list(accuracies)
    shared = {
        (trial, faster): sorted(set(accuracies[trial]) & set(accuracies[faster]))
        for faster, trial in pairwise(numbers)
    }
    pairs = {pair: seeds for pair, seeds in shared.items() if seeds}
    if not pairs:
        return (), ""
    names = {pair: str(pair[0]) for pair in pairs}
    gaps = {
        names[pair]: [accuracies[pair[0]][seed] - accuracies[pair[1]][seed] for seed in seeds]
        for pair, seeds in pairs.items()
    }
    spread = spread_of({str(number): own for number, own in accuracies.items()}, num_images)
    if spread is None:
        return _by_images(accuracies, pairs, num_images, confidence)
    intervals: IntervalMethod
    if spread.equal:
        by_name = {names[pair]: seeds for pair, seeds in pairs.items()}
        intervals = Pooled(spread, by_name, confidence, _correlation(pairs))
        method = f"spread between seeds pooled over {len(accuracies)} trials"
    else:
        intervals = Own(spread, gaps, confidence)
        method = "unequal spreads between seeds: each pair by its own"
    found = []
    for pair, seeds in pairs.items():
        gap = float(np.mean(gaps[names[pair]]))
        interval = intervals.interval(names[pair], gap)
        found.append(Neighbour(*pair, len(seeds), gap, interval, _verdict(interval)))
    return tuple(found), method


def _by_images(
    accuracies: Mapping[int, Mapping[int, float]],
    pairs: Mapping[tuple[int, int], list[int]],
    num_images: int | None,
    confidence: float,
) -> tuple[tuple[Neighbour, ...], str]:
    """Compare one seed each by the count of images, Bonferroni over the pairs."""
    if num_images is None:
        return (), ""
    level = 1.0 - (1.0 - confidence) / len(pairs)
    found = []
    for (trial, faster), seeds in pairs.items():
        first, second = (accuracies[number][seeds[0]] for number in (trial, faster))
        interval = difference_interval(first, second, num_images, confidence=level)
        gap = first - second
        found.append(Neighbour(trial, faster, 1, gap, interval, _verdict(interval)))
    return tuple(found), f"one seed each: the noise of counting {num_images:,} images"


def _verdict(interval: tuple[float, float]) -> NeighbourVerdict:
    low, high = interval
    return "better" if low > 0 else "worse" if high < 0 else "not distinguishable"


def _correlation(pairs: Mapping[tuple[int, int], list[int]]) -> Floats:
    """Return that of the differences: two that share a trial share its noise, with either sign."""

    def covariance(first: tuple[int, int], second: tuple[int, int]) -> float:
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
