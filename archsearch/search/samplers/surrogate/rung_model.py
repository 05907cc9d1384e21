"""One objective at several fidelities, with the correlation between them.

Each rung is a multiple of the one below plus a difference of its own (Kennedy and O'Hagan 2000,
section 2). With one covariance over configurations for all differences, the covariance of two
results is that of their configurations times that of their rungs, and all rungs are learnt at once,
each with a mean of its own. Where the rungs agree little, a low result counts little.
"""

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from archsearch.search.samplers.surrogate.gaussian_process import (
    FEW,
    Settings,
    Similarity,
    likeliest,
)
from archsearch.space import Encoding

Floats = NDArray[np.float64]
Rungs = NDArray[np.int64]

#: multiple of the rung below, and variance of the difference over that of the lowest rung
_MULTIPLES = (0.0, 0.4, 0.7, 1.0)
_DIFFERENCES = (0.05, 0.2, 0.5, 1.0)
_NOISES = (0.01, 0.1, 0.3)
_JITTER = 1e-8
#: of all results, and of those at the highest rung, before the covariance is chosen again
_GROWTH = np.array([1.15, 1.3])


class RungProcess:
    """Predicts one objective at the highest rung from results of all rungs.

    Args:
        encoding: of the configurations.
    """

    def __init__(self, encoding: Encoding) -> None:
        self._similarity = Similarity(encoding)
        self._settings: Settings | None = None
        self._between = np.ones((1, 1))
        self._fitted_at = np.zeros(2)

    def fit(self, x: Floats, rung: Rungs, y: Floats) -> None:
        """Learn from results; what is chosen by likelihood is chosen again as they grow.

        Args:
            x: (N, C) encoded configurations.
            rung: (N,) where each was evaluated, 0 the lowest.
            y: (N,) values.
        """
        self._scale = float(y.std()) or 1.0
        y = y / self._scale
        self._x, self._rung, top = x, rung, int(rung.max())
        # a mean for each rung
        self._design = (rung[:, None] == np.arange(top + 1)).astype(np.float64)
        size = np.array([len(y), (rung == top).sum()])
        outgrown = len(y) <= FEW or (size >= _GROWTH * self._fitted_at).any()
        if self._settings is None or len(self._between) != top + 1 or outgrown:
            self._fitted_at = size
            self._choose(x, rung, y, top + 1)
        assert self._settings is not None
        matrix = self._similarity.covariance(x, x, self._settings) * self._between[rung][:, rung]
        matrix[np.diag_indices_from(matrix)] += self._settings.noise + _JITTER
        self._factor = np.asarray(np.linalg.cholesky(matrix), dtype=np.float64)
        self._means, rest = _fit_means(self._factor, self._design, y)
        self._variance = float(rest @ rest) / len(y)
        self._alpha = solve_triangular(self._factor.T, rest, lower=False)

    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """Return mean (M,) and deviation (M,) at the highest rung, for configurations (M, C)."""
        assert self._settings is not None, "fit() comes first"
        cross = self._similarity.covariance(x, self._x, self._settings)
        cross = cross * self._between[-1][self._rung]
        reduced = solve_triangular(self._factor, cross.T, lower=True)
        prior = self._similarity.prior(x, self._settings) * self._between[-1, -1]
        variance = self._variance * np.maximum(prior - (reduced**2).sum(axis=0), 1e-10)
        mean = self._means[-1] + cross @ self._alpha
        return mean * self._scale, np.sqrt(variance) * self._scale

    def _choose(self, x: Floats, rung: Rungs, y: Floats, num_rungs: int) -> None:
        """Choose the covariance of configurations from all results, then that of rungs."""
        levelled = y - self._design @ _means_of_pairs(x, rung, y, num_rungs)
        z = (levelled - levelled.mean()) / (levelled.std() or 1.0)
        self._similarity.weigh(x, z)
        settings = likeliest(self._similarity, x, z)
        alike = self._similarity.covariance(x, x, settings)
        best = -np.inf
        for multiple, difference, noise in itertools.product(_MULTIPLES, _DIFFERENCES, _NOISES):
            between = covariance_of_rungs(multiple, difference, num_rungs)
            matrix = alike * between[rung][:, rung]
            matrix[np.diag_indices_from(matrix)] += noise
            factor = np.asarray(np.linalg.cholesky(matrix), dtype=np.float64)
            _, rest = _fit_means(factor, self._design, y)
            scale = max(float(rest @ rest) / len(y), 1e-12)
            likelihood = -0.5 * len(y) * np.log(scale) - np.log(np.diag(factor)).sum()
            if likelihood > best:
                best, self._between = float(likelihood), between
                self._settings = Settings(settings.length, settings.linear, noise)


def covariance_of_rungs(multiple: float, difference: float, count: int) -> Floats:
    """Return (R, R): each rung is ``multiple`` of the one below plus its own difference."""
    covariance = np.ones((count, count))
    for rung in range(1, count):
        covariance[rung, :rung] = multiple * covariance[rung - 1, :rung]
        covariance[:rung, rung] = covariance[rung, :rung]
        covariance[rung, rung] = multiple**2 * covariance[rung - 1, rung - 1] + difference
    return covariance


def _fit_means(factor: Floats, design: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return the means of the rungs by generalised least squares, and what is left, whitened."""
    columns = solve_triangular(factor, design, lower=True)
    whitened = solve_triangular(factor, y, lower=True)
    gram = columns.T @ columns + 1e-9 * np.eye(design.shape[1])
    means = np.linalg.solve(gram, columns.T @ whitened)
    return means, whitened - columns @ means


def _means_of_pairs(x: Floats, rung: Rungs, y: Floats, num_rungs: int) -> Floats:
    """Return a mean for each rung: the lowest's, plus the steps of those that were promoted.

    What is promoted is better than most; a plain mean would take that for the rung's doing.
    """
    means = np.zeros(num_rungs)
    means[0] = y[rung == 0].mean() if (rung == 0).any() else y.mean()
    for upper in range(1, num_rungs):
        below = {
            row.tobytes(): value
            for row, value, at in zip(x, y, rung, strict=True)
            if at == upper - 1
        }
        steps = [
            value - below[row.tobytes()]
            for row, value, at in zip(x, y, rung, strict=True)
            if at == upper and row.tobytes() in below
        ]
        means[upper] = means[upper - 1] + (float(np.mean(steps)) if steps else 0.0)
    return means
