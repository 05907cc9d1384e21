"""One objective after every epoch of every training, for its value after the last.

The covariance of two values is that of their configurations times that of their epochs. A training
adds noise of its own, which its epochs share: its luck; an epoch adds noise of its own. So many
short trainings teach what their configurations do early, and the whole ones how early and late
values are related. Every epoch has a mean of its own.

Epochs near each other say nearly the same. They are averaged in bins that grow with the epoch.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from archsearch.search.samplers.surrogate.gaussian_process import Settings, Similarity, likeliest
from archsearch.space import Encoding

Floats = NDArray[np.float64]
Bins = NDArray[np.int64]

#: ratio of the ends of two bins, at most
_RATIO = 2.0
#: chosen by likelihood, one after the other
_GRID: Mapping[str, tuple[float, ...]] = {
    "reach": (0.3, 0.7, 1.5, 3.0, 8.0),
    "growth": (-1.0, -0.5, 0.0, 0.5, 1.0),
    "luck": (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8),
    "luck_reach": (0.1, 0.3, 0.8, 2.0),
    "luck_growth": (-1.0, -0.5, 0.0, 0.5, 1.0),
    "noise": (1e-4, 3e-3, 1e-2, 3e-2, 0.1, 0.3),
}
_SWEEPS = 2
#: luck and noise together, over the signal, while the covariance of configurations is chosen
_LUCK = (1e-3, 0.03, 0.1, 0.3, 1.0)
_JITTER = 1e-8


@dataclass(frozen=True)
class EpochSettings:
    """What the epochs of a training share; variances over that of the last epoch's signal.

    Attributes:
        reach: of the correlation between epochs, in logarithms of the epoch over that of the last.
        growth: of the signal's deviation with the logarithm of the epoch.
        luck: variance of what a training adds.
        luck_reach: the same as ``reach``, of the luck.
        luck_growth: the same as ``growth``, of the luck.
        noise: variance of what an epoch adds.
    """

    reach: float = 1.5
    growth: float = 0.0
    luck: float = 0.1
    luck_reach: float = 0.3
    luck_growth: float = 0.0
    noise: float = 0.03


def bin_ends(stops: Sequence[int]) -> tuple[int, ...]:
    """Return the last epoch of every bin; trainings may pause after ``stops``, which are ends.

    Examples:
        >>> bin_ends([5, 27])
        (1, 2, 3, 5, 9, 15, 27)
    """
    ends = {1}
    low = 1.0
    for high in stops:
        steps = max(1, math.ceil(math.log(high / low, _RATIO) - 1e-9)) if high > low else 1
        ends |= {round(low * (high / low) ** (step / steps)) for step in range(1, steps + 1)}
        low = high
    return tuple(sorted(ends))


def middles(ends: Sequence[int]) -> list[float]:
    """Return the middle epoch of each bin."""
    return [(low + 1 + high) / 2 for low, high in pairwise((0, *ends))]


def binned(curve: Floats, ends: Sequence[int]) -> Floats:
    """Return the mean of a curve (E, M) in each bin that it reaches: (K, M)."""
    begins = (0, *ends[:-1])
    parts = [curve[begin:end] for begin, end in zip(begins, ends, strict=True)]
    return np.array([part.mean(axis=0) for part in parts if len(part)])


class CurveProcess:
    """Predicts one objective after the last epoch from the curves of whole and short trainings.

    Args:
        encoding: of the configurations.
        positions: (B,) of the bins: their epochs, increasing.
    """

    def __init__(self, encoding: Encoding, positions: Sequence[float]) -> None:
        self._similarity = Similarity(encoding)
        # 1 at the last bin
        logs = np.log1p(np.asarray(positions, dtype=np.float64) - min(0.0, *positions))
        self._at = logs / (logs[-1] or 1.0)
        self._settings: Settings | None = None
        self._epochs = EpochSettings()

    def choose(self, x: Floats, curves: Sequence[Floats]) -> None:
        """Choose the settings by the likelihood of trainings; see `fit`."""
        y = self._take(x, curves)
        late = self._levelled(y)
        self._similarity.weigh(x, late)
        self._settings = likeliest(self._similarity, x, late, _LUCK)
        alike = self._similarity.covariance(x, x, self._settings)
        self._epochs = EpochSettings()
        best = self._likelihood(alike, self._epochs, y)
        for _ in range(_SWEEPS):
            before = self._epochs
            for name, values in _GRID.items():
                for value in values:
                    tried = replace(self._epochs, **{name: value})
                    likelihood = self._likelihood(alike, tried, y)
                    if likelihood > best:
                        best, self._epochs = likelihood, tried
            if self._epochs == before:
                break

    def fit(self, x: Floats, curves: Sequence[Floats]) -> None:
        """Learn from trainings; their settings are chosen first, unless they were before.

        Args:
            x: (N, C) encoded configurations, one for each training.
            curves: of each training the values (K,) in the bins that it reached, K >= 1.
        """
        if self._settings is None:
            self.choose(x, curves)
        assert self._settings is not None
        y = self._take(x, curves)
        alike = self._similarity.covariance(x, x, self._settings)
        factor, means, rest = self._whiten(self._covariance(alike, self._epochs), y)
        self._factor, self._mean = factor, float(means[self._top])
        self._variance = float(rest @ rest) / len(y)
        self._alpha = solve_triangular(factor.T, rest, lower=False)

    def _take(self, x: Floats, curves: Sequence[Floats]) -> Floats:
        """Return the values of all bins, scaled."""
        lengths = np.array([len(curve) for curve in curves])
        self._x = x
        self._training = np.repeat(np.arange(len(x)), lengths)
        self._bin = np.concatenate([np.arange(length) for length in lengths])
        self._top = int(lengths.max()) - 1
        y = np.concatenate(curves)
        self._scale = float(y.std()) or 1.0
        return np.asarray(y / self._scale)

    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """Return mean (M,) and deviation (M,) at the last bin seen, without luck and noise."""
        assert self._settings is not None, "fit() comes first"
        signal = self._between(self._epochs.reach, self._epochs.growth)
        cross = self._similarity.covariance(x, self._x, self._settings)[:, self._training]
        cross *= signal[self._top][self._bin]
        reduced = solve_triangular(self._factor, cross.T, lower=True)
        prior = self._similarity.prior(x, self._settings) * signal[self._top, self._top]
        variance = self._variance * np.maximum(prior - (reduced**2).sum(axis=0), 1e-10)
        mean = self._mean + cross @ self._alpha
        return mean * self._scale, np.sqrt(variance) * self._scale

    def _between(self, reach: float, growth: float) -> Floats:
        """Return the covariance of bins: (B, B), 1 at the last."""
        deviation = np.exp(growth * (self._at - 1))
        apart = np.abs(self._at[:, None] - self._at[None])
        return np.asarray(deviation[:, None] * deviation * np.exp(-apart / reach))

    def _covariance(self, alike: Floats, epochs: EpochSettings) -> Floats:
        """Return the covariance of all values, from that of the trainings' configurations."""
        signal = self._between(epochs.reach, epochs.growth)
        luck = epochs.luck * self._between(epochs.luck_reach, epochs.luck_growth)
        pairs = np.ix_(self._bin, self._bin)
        matrix = alike[np.ix_(self._training, self._training)] * signal[pairs]
        if epochs.luck:
            matrix += np.equal.outer(self._training, self._training) * luck[pairs]
        matrix[np.diag_indices_from(matrix)] += epochs.noise + _JITTER
        return np.asarray(matrix)

    def _whiten(self, covariance: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the factor, the bins' means by least squares, and the whitened rest."""
        factor = np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
        design = (self._bin[:, None] == np.arange(self._top + 1)).astype(np.float64)
        columns = solve_triangular(factor, design, lower=True)
        whitened = solve_triangular(factor, y, lower=True)
        means = np.linalg.lstsq(columns, whitened, rcond=None)[0]
        return factor, means, whitened - columns @ means

    def _likelihood(self, alike: Floats, epochs: EpochSettings, y: Floats) -> float:
        try:
            factor, _, rest = self._whiten(self._covariance(alike, epochs), y)
        except np.linalg.LinAlgError:
            return -math.inf
        scale = max(float(rest @ rest) / len(y), 1e-12)
        return float(-0.5 * len(y) * np.log(scale) - np.log(np.diag(factor)).sum())

    def _levelled(self, y: Floats) -> Floats:
        """Return one value for each training: its last two bins, over what others had there."""
        means = np.bincount(self._bin, y) / np.bincount(self._bin)
        rest = y - means[self._bin]
        last = np.array(
            [rest[self._training == training][-2:].mean() for training in range(len(self._x))]
        )
        return np.asarray((last - last.mean()) / (last.std() or 1.0))
