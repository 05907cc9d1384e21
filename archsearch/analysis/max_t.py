"""The largest of several t statistics that share their noise: many variants against one base."""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv, ndtr

from archsearch.analysis.student_t import t_quantile, t_two_sided_p

Floats = NDArray[np.float64]
Key = tuple[tuple[float, ...], ...]

_DRAWS = 1 << 17
#: points of an integral over the noise
_POINTS = 1000
#: draws are made anew in every process, always the same ones: an analysis can be repeated
_SEED = 20_190_531


class MaxT:
    """Distribution of max |t_i| under no difference at all (Dunnett, JASA 50, 1955).

    One t statistic has its closed form; of more, the normal part is drawn 131,072 times with a
    fixed seed, which leaves about 0.2 % of error in a critical value.

    Args:
        correlation: (M, M) of the M estimates behind the statistics.
    """

    def __init__(self, correlation: Floats) -> None:
        self.count = len(correlation)
        self._key = None if self.count == 1 else _key(correlation)

    def critical(self, df: float, confidence: float = 0.95) -> float:
        """Return what all the statistics stay below, in size, with probability ``confidence``."""
        if self._key is None:
            return t_quantile((1.0 + confidence) / 2.0, df)
        return _critical(self._key, df, confidence)

    def p(self, t: float, df: float) -> float:
        """Return the chance that the largest statistic is at least ``t`` in size."""
        if self._key is None:
            return t_two_sided_p(t, df)
        return float(np.mean(_largest(self._key) >= abs(t) * _chi(df)))


def power(effect: float, error: float, df: float, critical: float) -> float:
    """Return the chance that |t| exceeds ``critical`` when the true difference is ``effect``.

    Args:
        effect: true difference.
        error: true standard error of the estimated difference.
        df: degrees of freedom of its estimate.
        critical: what |t| must exceed.
    """
    shift = abs(effect) / error
    # the noncentral t of scipy fails for large effects; its definition does not
    limit = critical * _chi(df, _POINTS)
    return float(np.mean(ndtr(shift - limit) + ndtr(-shift - limit)))


@lru_cache(maxsize=1024)
def _critical(key: Key, df: float, confidence: float) -> float:
    return float(np.quantile(_largest(key) / _chi(df), confidence))


@lru_cache(maxsize=8)
def _largest(key: Key) -> Floats:
    """Return draws of the largest |z_i| for a correlation."""
    values, vectors = np.linalg.eigh(np.array(key))
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    rng = np.random.default_rng(_SEED)
    chunk = 1 << 14
    parts = [
        np.abs(rng.standard_normal((chunk, len(root))) @ root.T).max(axis=1)
        for _ in range(_DRAWS // chunk)
    ]
    return np.concatenate(parts)


@lru_cache(maxsize=32)
def _chi(df: float, count: int = _DRAWS) -> Floats:
    """Return ``count`` evenly spread quantiles of sqrt(chi-squared / df)."""
    if math.isinf(df):
        return np.ones(count)
    return np.asarray(np.sqrt(2.0 * gammaincinv(df / 2, (np.arange(count) + 0.5) / count) / df))


def _key(correlation: Floats) -> Key:
    return tuple(tuple(round(float(value), 6) for value in row) for row in correlation)
