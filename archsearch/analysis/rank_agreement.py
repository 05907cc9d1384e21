"""How well the order at an early epoch predicts the order at the last one."""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from archsearch.record import TrialRecord

#: fewer trials than this say nothing about a rank correlation: the interval would be all of it
FEWEST = 5


class RankCorrelation(NamedTuple):
    """Agreement of the order of trials after two epochs, or at two fidelities.

    Attributes:
        early: the earlier epoch, 1-based, or the lower fidelity.
        late: the later epoch, or the higher fidelity.
        tau: Kendall's tau-b, -1 to 1.
        interval: its 95 % confidence interval.
        n: trials that reached both epochs. Trials stopped in between are not among them, and
            they were the weak ones, so tau is about the order of the better trials.
    """

    early: float
    late: float
    tau: float
    interval: tuple[float, float]
    n: int


def kendall_tau(x: ArrayLike, y: ArrayLike) -> float:
    """Return Kendall's tau-b, -1 to 1; NaN when ``x`` or ``y`` is constant.

    Args:
        x: (N,) values.
        y: (N,) values of the same items.
    """
    from scipy.stats import kendalltau  # takes half a second

    return float(kendalltau(np.asarray(x), np.asarray(y), variant="b").statistic)


def kendall_interval(tau: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the confidence interval of a Kendall correlation of ``n`` pairs.

    Fisher's transformation with variance 0.437 / (n - 4) (Fieller, Hartley and Pearson,
    Biometrika 44, 1957; Bonett and Wright, Psychometrika 65, 2000). A tau of exactly 1 or -1 is
    read as half a discordant pair among the n (n - 1) / 2, so that few perfect pairs do not
    claim certainty. With fewer than five pairs the interval is (-1, 1).
    """
    if n < FEWEST or math.isnan(tau):
        return (-1.0, 1.0)
    limit = 1.0 - 2.0 / (n * (n - 1))
    centre = math.atanh(min(max(tau, -limit), limit))
    half = NormalDist().inv_cdf((1.0 + confidence) / 2.0) * math.sqrt(0.437 / (n - 4))
    low, high = math.tanh(centre - half), math.tanh(centre + half)
    return (min(low, tau), max(high, tau))


def rank_correlation(
    trials: Iterable[TrialRecord], early: int, late: int
) -> RankCorrelation | None:
    """Correlate validation accuracy after two epochs, over the trials that reached both.

    Args:
        trials: with their learning curves.
        early: an epoch, counted from 1.
        late: a later epoch.

    Returns:
        Kendall's tau with its interval; None with fewer than five such trials, or when all of
        them are equal at one epoch.
    """
    pairs = []
    for trial in trials:
        accuracy = {metrics.epoch: metrics.accuracy for metrics in trial.curve}
        if early in accuracy and late in accuracy:
            pairs.append((accuracy[early], accuracy[late]))
    return correlation_of(pairs, early, late)


def correlation_of(
    pairs: Sequence[tuple[float, float]], early: float, late: float
) -> RankCorrelation | None:
    """Correlate pairs of an early and a late value of the same candidate.

    Returns:
        None with fewer than five pairs, or when all values are equal early or late.
    """
    if len(pairs) < FEWEST:
        return None
    tau = kendall_tau(*zip(*pairs, strict=True))
    if math.isnan(tau):
        return None
    return RankCorrelation(early, late, tau, kendall_interval(tau, len(pairs)), len(pairs))


def rung_correlations(
    trials: Iterable[TrialRecord], rungs: Sequence[int]
) -> tuple[RankCorrelation, ...]:
    """Correlate every rung with the next, over the trials that went on; see `rank_correlation`."""
    trained = list(trials)
    found = (rank_correlation(trained, early, late) for early, late in pairwise(rungs))
    return tuple(each for each in found if each is not None)


def epoch_correlations(trials: Iterable[TrialRecord]) -> tuple[RankCorrelation, ...]:
    """Correlate every epoch with the last epoch that complete trials reached."""
    finished = [trial for trial in trials if trial.state == "complete" and trial.curve]
    late = max((trial.curve[-1].epoch for trial in finished), default=0)
    found = (rank_correlation(finished, early, late) for early in range(1, late))
    return tuple(each for each in found if each is not None)
