"""The accuracy that a trial is reported with: of independent seeds."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from archsearch.analysis.front import best_guesses
from archsearch.analysis.seed_spread import spread_of
from archsearch.analysis.significance import accuracy_interval, num_images
from archsearch.analysis.student_t import t_quantile
from archsearch.record import RunRecord, TrialRecord


class Reported(NamedTuple):
    """The one accuracy that leads wherever a trial is shown, as a share.

    Attributes:
        value: mean over the other seeds; with the search seed where there are none, which is
            optimistic: the luckiest of many candidates was chosen by it.
        interval: 95 %, over seeds and images; over images alone where fewer than two seeds are
            known; None where neither can be determined.
        num_seeds: other seeds behind it; 0 for the search seed.
    """

    value: float
    interval: tuple[float, float] | None
    num_seeds: int

    @property
    def seeds(self) -> str:
        """Which seeds it is of, in a few words."""
        if not self.num_seeds:
            return "with the selected seed, so optimistic"
        if self.num_seeds == 1:
            return "with an independent seed"
        return f"mean of {self.num_seeds} independent seeds"


Name = TypeVar("Name", int, str)


class _Noise(NamedTuple):
    """Variance between seeds, and the degrees of freedom behind it."""

    variance: float
    df: int


def reported_accuracies(
    trials: Iterable[TrialRecord], num_images: int | None
) -> dict[int, Reported]:
    """Return what to report of each trial with an accuracy, by its number.

    The noise between seeds is pooled over the trials where their spreads agree (`spread_of`). Its
    distance from the mean and that of the Wilson interval are joined by squares (Zou and Donner,
    Statistics in Medicine 27, 2008), since all seeds are counted on the same images.

    Args:
        trials: of one run.
        num_images: validation images behind each accuracy; None when unknown.
    """
    known = [trial for trial in trials if trial.accuracy is not None]
    noise = _noise({t.number: t.seed_accuracies for t in known if t.seed_accuracies}, num_images)
    return {trial.number: _reported(trial, noise.get(trial.number), num_images) for trial in known}


def run_accuracies(run: RunRecord) -> dict[int, Reported]:
    """Return what to report of every trial of a run that has an accuracy, by its number."""
    return reported_accuracies(run.trials, num_images(run))


def baseline_accuracies(run: RunRecord) -> dict[str, Reported]:
    """Return what to report of every trained baseline of a run, by its name.

    None of its seeds was chosen by its accuracy: all count. The noise between seeds is pooled over
    front and baselines where their spreads agree.
    """
    images = num_images(run)
    known = {each.name: each.seed_accuracies for each in run.baselines if each.seed_accuracies}
    trials = {str(t.number): t.seed_accuracies for t in run.trials if t.seed_accuracies}
    noise = _noise(trials | known, images)
    return {name: _mean(list(own.values()), noise.get(name), images) for name, own in known.items()}


def _reported(trial: TrialRecord, noise: _Noise | None, num_images: int | None) -> Reported:
    own = list(trial.seed_accuracies.values())
    assert trial.accuracy is not None, "trials without one were left out"
    if own:
        return _mean(own, noise, num_images)
    images = accuracy_interval(trial.accuracy, num_images) if num_images else None
    return Reported(trial.accuracy, images, 0)


def _mean(own: Sequence[float], noise: _Noise | None, num_images: int | None) -> Reported:
    """Report the mean over seeds, by none of which anything was chosen."""
    value = float(np.mean(own))
    images = accuracy_interval(value, num_images) if num_images else None
    if noise is None:
        return Reported(value, images, len(own))
    half = t_quantile(0.975, noise.df) * math.sqrt(noise.variance / len(own))
    low, high = images or (value, value)
    interval = (
        max(0.0, value - math.hypot(value - low, half)),
        min(1.0, value + math.hypot(high - value, half)),
    )
    return Reported(value, interval, len(own))


def _noise(
    accuracies: Mapping[Name, Mapping[int, float]], num_images: int | None
) -> dict[Name, _Noise]:
    """Return the noise of each trial: the pooled one, or where spreads differ its own."""
    if not accuracies:
        return {}
    spread = spread_of({str(number): own for number, own in accuracies.items()}, num_images)
    floor = 1.0 / (12.0 * num_images**2) if num_images else 0.0
    own = {
        number: _Noise(max(float(np.var(list(each.values()), ddof=1)), floor), len(each) - 1)
        for number, each in accuracies.items()
        if len(each) > 1
    }
    if not own or (spread is not None and not spread.equal):
        return own
    df = sum(each.df for each in own.values())
    pooled = sum(each.variance * each.df for each in own.values()) / df
    return dict.fromkeys(accuracies, _Noise(pooled, df))


def deciding_accuracies(trials: Sequence[TrialRecord]) -> dict[int, float]:
    """Return the accuracies by which trials are ranked, by number: all of one kind.

    That is the mean over other seeds once every trial that no other beats by its plain values was
    trained with some, and the accuracy with the search seed until then: a lucky number does
    not compete with a mean. A trial without such a mean is left out where others have one.
    """
    means = {
        trial.number: float(np.mean(list(trial.seed_accuracies.values())))
        for trial in trials
        if trial.seed_accuracies
    }
    if decided_by_others(trials):
        return means
    return {trial.number: trial.accuracy for trial in trials if trial.accuracy is not None}


def decided_by_others(trials: Sequence[TrialRecord]) -> bool:
    """Return whether `deciding_accuracies` are means over other seeds."""
    has_any = any(trial.seed_accuracies for trial in trials)
    return has_any and all(trial.other_seeds for trial in best_guesses(trials))


def interval_of_difference(first: Reported, second: Reported) -> tuple[float, float] | None:
    """Return the 95 % interval of ``first - second``; None where one has no interval.

    The distances of both intervals are joined by squares (Newcombe, Statistics in Medicine 17,
    1998, method 10), which takes them as independent: on the same images it is too wide, not too
    narrow.
    """
    if first.interval is None or second.interval is None:
        return None
    (low_1, high_1), (low_2, high_2) = first.interval, second.interval
    gap = first.value - second.value
    return (
        gap - math.hypot(first.value - low_1, high_2 - second.value),
        gap + math.hypot(high_1 - first.value, second.value - low_2),
    )
