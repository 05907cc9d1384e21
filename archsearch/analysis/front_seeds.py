"""The front's accuracies under other seeds, and how optimistic the search seed was."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from archsearch.analysis.front_judgement import Difference, judge_front
from archsearch.record import Aims, TrialRecord


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


class FrontSeeds(NamedTuple):
    """What other seeds say of a front.

    Attributes:
        means: by increasing latency; trials without other seeds are left out.
        neighbours: each against the next faster, by increasing latency (`judge_front`); empty when
            no interval can be had.
        optimism: mean of the accuracies by which the trials came to the front, minus the mean
            over the other seeds; about 0 without selection bias.
        confidence: of all intervals together.
        method: how the intervals were made, in a few words.
    """

    means: tuple[SeedMean, ...]
    neighbours: tuple[Difference, ...]
    optimism: float
    confidence: float
    method: str


def compare_seeds(
    front: Sequence[TrialRecord],
    num_images: int | None,
    aims: Aims | float | None = None,
    confidence: float = 0.95,
) -> FrontSeeds | None:
    """Return the means of a front over independent seeds, and how its neighbours compare.

    Args:
        front: by increasing latency.
        num_images: validation images behind each accuracy; None when unknown.
        aims: as for `judge_front`.
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
    judged = judge_front(front, num_images, aims, confidence)
    return FrontSeeds(means, judged.neighbours, optimism, confidence, judged.method)


def _mean(number: int, own: Mapping[int, float]) -> SeedMean:
    values = list(own.values())
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return SeedMean(number, float(np.mean(values)), sd, len(values))
