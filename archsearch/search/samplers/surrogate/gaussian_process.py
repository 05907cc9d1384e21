"""A Gaussian process over configurations, for objectives of unseen ones.

The covariance is the sum of a linear part, the effects of single choices, and an exponential of
the weighted number of choices that differ, their interactions (Rasmussen and Williams 2006,
chapters 4 and 5). A choice that matters more in a linear fit counts more in the distance. The few
settings left are taken from a grid by marginal likelihood, so that equal data give equal models.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.spatial.distance import cdist

from archsearch.space import Encoding

Floats = NDArray[np.float64]

_LENGTHS = (0.5, 1.0, 2.0, 4.0)
_LINEAR_SHARES = (0.0, 0.3, 0.7, 0.95)
_NOISES = (1e-4, 1e-2, 1e-1)
_MIN_RELEVANCE = 0.1
_JITTER = 1e-8
#: values up to which the settings follow each one: that costs some milliseconds
_FEW = 64


@dataclass(frozen=True)
class Settings:
    """Length of the distance, share of the linear part, noise variance over signal variance."""

    length: float
    linear: float
    noise: float


class Similarity:
    """The similarity of configurations: city-block distance and a linear part.

    Args:
        encoding: of the configurations.
    """

    def __init__(self, encoding: Encoding) -> None:
        self._groups = encoding.groups
        self._column_weights = encoding.weights
        self._num_parameters = int(self._groups.max()) + 1 if len(self._groups) else 1
        self._weights = np.ones(len(self._groups))

    def weigh(self, x: Floats, z: Floats) -> None:
        """Weigh each column by the span of its parameter's effects on ``z``; their mean is 1."""
        centered = x - x.mean(axis=0)
        gram = centered.T @ centered + np.eye(x.shape[1])
        effects = np.linalg.solve(gram, centered.T @ z)
        span = np.zeros(self._num_parameters)
        low = np.zeros(self._num_parameters)
        np.maximum.at(span, self._groups, effects)
        np.minimum.at(low, self._groups, effects)
        span -= low
        weights = span / (span.mean() or 1.0) + _MIN_RELEVANCE
        weights /= weights.mean()
        self._weights = np.asarray(weights[self._groups] * self._column_weights)

    def distance(self, a: Floats, b: Floats) -> Floats:
        """Return weighted city blocks between (N, C) and (M, C): (N, M)."""
        return np.asarray(cdist(a * self._weights, b * self._weights, "cityblock"))

    def linear(self, a: Floats, b: Floats) -> Floats:
        """Return the covariance of linear effects: (N, M)."""
        return np.asarray(a @ b.T) / self._num_parameters

    def covariance(self, a: Floats, b: Floats, settings: Settings) -> Floats:
        """Return the covariance, without noise: (N, M)."""
        share = settings.linear
        smooth = np.exp(-self.distance(a, b) / settings.length)
        return np.asarray((1 - share) * smooth + share * self.linear(a, b))

    def prior(self, x: Floats, settings: Settings) -> Floats:
        """Return the variance of each configuration before anything is known: (N,)."""
        share = settings.linear
        return np.asarray((1 - share) + share * (x**2).sum(axis=1) / self._num_parameters)


def likeliest(
    similarity: Similarity, x: Floats, z: Floats, noises: Sequence[float] = _NOISES
) -> Settings:
    """Return the settings of the grid with the highest marginal likelihood."""
    best, chosen = -np.inf, Settings(_LENGTHS[-1], _LINEAR_SHARES[0], _NOISES[-1])
    # the two parts do not depend on all settings: computed once each
    distances, linear = similarity.distance(x, x), similarity.linear(x, x)
    for length, share, noise in itertools.product(_LENGTHS, _LINEAR_SHARES, noises):
        matrix = (1 - share) * np.exp(-distances / length) + share * linear
        matrix[np.diag_indices_from(matrix)] += noise
        try:
            factor = np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            continue
        half = solve_triangular(factor, z, lower=True)
        scale = max(float(half @ half) / len(z), 1e-12)
        likelihood = -0.5 * len(z) * np.log(scale) - np.log(np.diag(factor)).sum()
        if likelihood > best:
            best, chosen = float(likelihood), Settings(length, share, noise)
    return chosen


def settled(count: int, few: int = _FEW, growth: float = 1.1) -> int:
    """Return from how many of ``count`` results, the first ones, settings are chosen.

    So they depend on the results, not on when somebody began to fit.

    Args:
        count: of results.
        few: up to so many, from all.
        growth: of the number after that.
    """
    if count <= few:
        return count
    return int(few * growth ** int(np.log(count / few) / np.log(growth) + 1e-9))


class GaussianProcess:
    """Predicts one objective from encoded configurations.

    Args:
        encoding: of the configurations.
    """

    def __init__(self, encoding: Encoding) -> None:
        self._similarity = Similarity(encoding)
        self._settings: Settings | None = None
        self._chosen_from = 0

    def fit(self, x: Floats, y: Floats) -> None:
        """Learn from configurations (N, C) and values (N,), in an order that stays.

        Settings are chosen from all values while these are few, later from the first ones, a tenth
        more each time: they depend on the values, not on when somebody began to fit.
        """
        self._mean, self._scale = float(y.mean()), float(y.std()) or 1.0
        z = (y - self._mean) / self._scale
        self._x = x
        count = settled(len(y))
        if self._settings is None or count != self._chosen_from or count == len(y):
            self._chosen_from = count
            self._similarity.weigh(x[:count], z[:count])
            self._settings = likeliest(self._similarity, x[:count], z[:count])
        matrix = self._similarity.covariance(x, x, self._settings)
        matrix[np.diag_indices_from(matrix)] += self._settings.noise + _JITTER
        self._factor = np.linalg.cholesky(matrix)
        half = solve_triangular(self._factor, z, lower=True)
        self._variance = float(half @ half) / len(z)
        self._alpha = solve_triangular(self._factor.T, half, lower=False)

    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """Return mean (M,) and standard deviation (M,) at configurations (M, C)."""
        assert self._settings is not None, "fit() comes first"
        cross = self._similarity.covariance(x, self._x, self._settings)
        reduced = solve_triangular(self._factor, cross.T, lower=True)
        prior = self._similarity.prior(x, self._settings)
        variance = self._variance * np.maximum(prior - (reduced**2).sum(axis=0), 1e-10)
        mean = cross @ self._alpha * self._scale + self._mean
        return mean, np.sqrt(variance) * self._scale
