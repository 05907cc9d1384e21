"""From timed blocks to a median with its interval: pure functions."""

from collections.abc import Sequence
from math import comb
from statistics import median

#: fewest values that carry an interval of 95 % for their median
FEWEST_VALUES = 6

_CONFIDENCE = 0.95


def median_interval(
    values: Sequence[float], confidence: float = _CONFIDENCE
) -> tuple[float, float]:
    """Return the confidence interval of the median; no distribution is assumed.

    Order statistics whose binomial coverage brackets ``confidence`` are interpolated as in
    Hettmansperger and Sheather (1986, Statistics & Probability Letters 4, equation 1.2). Fewer
    than 6 values cannot carry 95 %: their range is returned.

    ``confidence`` holds for independent values. Blocks of one session share what the machine does
    in that hour, so this is how well they know their median, and no more.
    """
    ordered = sorted(values)
    count = len(ordered)
    if count == 0:
        raise ValueError("the median of no values has no interval")
    if _coverage(1, count) <= confidence:
        return ordered[0], ordered[-1]
    rank = max(k for k in range(1, count // 2 + 1) if _coverage(k, count) >= confidence)
    if 2 * (rank + 1) > count + 1:
        return ordered[rank - 1], ordered[count - rank]
    outer, inner = _coverage(rank, count), _coverage(rank + 1, count)
    share = (outer - confidence) / (outer - inner)
    weight = (count - rank) * share / (rank + (count - 2 * rank) * share)
    lower = (1 - weight) * ordered[rank - 1] + weight * ordered[rank]
    upper = (1 - weight) * ordered[count - rank] + weight * ordered[count - rank - 1]
    return lower, upper


def percentile(values: Sequence[float], percent: float) -> float:
    """Return a percentile, linear between neighbours."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def is_narrow(values: Sequence[float], share: float) -> bool:
    """Return whether the interval of the median is narrower than ``share`` of the median."""
    lower, upper = median_interval(values)
    return upper - lower <= share * median(values)


def is_steady(times: Sequence[float], window: int = 2, tolerance: float = 0.05) -> bool:
    """Return whether the last ``window`` times are about as long as those before them."""
    if len(times) < 2 * window:
        return False
    last, before = median(times[-window:]), median(times[-2 * window : -window])
    return abs(last - before) <= tolerance * before


def _coverage(rank: int, count: int) -> float:
    """Return the chance that the median lies between order statistics rank and count+1-rank."""
    return 1 - sum(comb(count, k) for k in range(rank)) / float(2 ** (count - 1))
