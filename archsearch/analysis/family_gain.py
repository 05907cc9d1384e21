"""A front against whole families of known networks, over their sizes."""

import math
from collections import defaultdict
from typing import NamedTuple

from archsearch.analysis.baseline_gain import Versus, versus
from archsearch.analysis.reported_accuracy import baseline_accuracies, run_accuracies
from archsearch.analysis.significance import num_images
from archsearch.analysis.trial_choice import front_trials
from archsearch.record import BaselineRecord, RunRecord


class FamilyGain(NamedTuple):
    """How far the front lies above the curve of a family.

    Attributes:
        family: its name, such as ``zoo:edgevit``.
        sizes: the sizes that were trained and measured, by increasing latency.
        against: of each size, the front's best that is no slower; None where there is none.
        gain: mean over the sizes that have one, as a share; None without any.
        interval: of that, 95 % or more; None where it cannot be determined.
    """

    family: str
    sizes: tuple[BaselineRecord, ...]
    against: tuple[Versus | None, ...]
    gain: float | None
    interval: tuple[float, float] | None

    @property
    def compared(self) -> int:
        """How many sizes the mean is over."""
        return sum(each is not None for each in self.against)

    @property
    def least(self) -> float | None:
        """The smallest gain of a size."""
        return min((each.gain for each in self.against if each is not None), default=None)


def family_gains(run: RunRecord) -> tuple[FamilyGain, ...]:
    """Return the families among the baselines of a run, each against its front."""
    groups: dict[str, list[BaselineRecord]] = defaultdict(list)
    for each in run.baselines:
        family, is_size, _ = each.name.partition("/")
        if is_size and each.accuracy is not None and each.latency is not None:
            groups[family].append(each)
    return tuple(_gain(run, family, sizes) for family, sizes in groups.items())


def _gain(run: RunRecord, family: str, sizes: list[BaselineRecord]) -> FamilyGain:
    front, images, reported = front_trials(run), num_images(run), baseline_accuracies(run)
    ordered = sorted(sizes, key=lambda each: each.latency.median_ms if each.latency else 0.0)
    against = tuple(versus(front, each, reported.get(each.name), images) for each in ordered)
    found = [
        (each.name, one) for each, one in zip(ordered, against, strict=True) if one is not None
    ]
    if not found:
        return FamilyGain(family, tuple(ordered), against, None, None)
    mean = sum(one.gain for _, one in found) / len(found)
    # one trial may stand against several sizes: its error counts as often
    weights: dict[int, int] = defaultdict(int)
    for _, one in found:
        weights[one.trial.number] += 1
    ours = run_accuracies(run)
    below = above = 0.0
    for terms, sign in (
        ([(ours[number], weight) for number, weight in weights.items()], 1),
        ([(reported[name], 1) for name, _ in found], -1),
    ):
        for accuracy, weight in terms:
            if accuracy.interval is None:
                return FamilyGain(family, tuple(ordered), against, mean, None)
            low, high = accuracy.value - accuracy.interval[0], accuracy.interval[1] - accuracy.value
            share = weight / len(found)
            down, up = (low, high) if sign > 0 else (high, low)
            below, above = below + (share * down) ** 2, above + (share * up) ** 2
    interval = (mean - math.sqrt(below), mean + math.sqrt(above))
    return FamilyGain(family, tuple(ordered), against, mean, interval)
