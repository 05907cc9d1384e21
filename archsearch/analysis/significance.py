"""Intervals of an accuracy, given the number of images behind it."""

import math
from collections.abc import Mapping
from statistics import NormalDist

from archsearch.record import RunRecord


def accuracy_interval(accuracy: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval of an accuracy counted on ``n`` images.

    Source: Wilson, J. American Statistical Association 22 (1927). It covers the choice of
    images, not the choice of seed: training again may move an accuracy further.

    Args:
        accuracy: 0 to 1.
        n: number of images, at least 1.
        confidence: coverage.
    """
    if n < 1 or not 0.0 <= accuracy <= 1.0:
        raise ValueError(f"`n >= 1` and `0 <= accuracy <= 1` must hold, but got {n=}, {accuracy=}")
    z = NormalDist().inv_cdf((1.0 + confidence) / 2.0)
    shrink = 1.0 + z * z / n
    centre = (accuracy + z * z / (2 * n)) / shrink
    half = z / shrink * math.sqrt(accuracy * (1.0 - accuracy) / n + z * z / (4 * n * n))
    # at 0 and 1 the formula is exact but for rounding
    return (min(max(0.0, centre - half), accuracy), max(min(1.0, centre + half), accuracy))


def difference_interval(
    first: float, second: float, n: int, n_second: int | None = None, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the interval of ``first - second``, two accuracies counted on ``n`` images each.

    Two Wilson intervals joined by squares (Newcombe, Statistics in Medicine 17 (1998), method
    10). It takes the two counts as independent; where both come from the same images, it is
    wider than an interval from image-by-image results would be.

    Args:
        first: 0 to 1.
        second: 0 to 1.
        n: number of images behind ``first``.
        n_second: number behind ``second``; None for the same number.
        confidence: coverage.
    """
    low_1, high_1 = accuracy_interval(first, n, confidence)
    low_2, high_2 = accuracy_interval(second, n_second or n, confidence)
    gap = first - second
    return (
        gap - math.hypot(first - low_1, high_2 - second),
        gap + math.hypot(high_1 - first, second - low_2),
    )


def num_images(run: RunRecord, split: str = "val") -> int | None:
    """Return the number of images of a split, as the run's configuration has it under ``data``.

    Args:
        run: the run.
        split: ``train``, ``val`` or ``test``.

    Returns:
        None when the configuration does not say.
    """
    data = run.config.get("data")
    count = data.get(split) if isinstance(data, Mapping) else None
    return count if isinstance(count, int) and count > 0 else None
