"""Least squares whose intervals hold although the model is too simple.

The rows are read as a random sample: the coefficients are those of the best linear approximation
over everything that could have been drawn, and what the model leaves out is part of the noise.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archsearch.analysis.student_t import t_quantile, t_two_sided_p

Floats = NDArray[np.float64]


class Estimate(NamedTuple):
    """A number with its uncertainty.

    Attributes:
        value: the number.
        error: its standard error.
        df: degrees of freedom of the standard error; 0 when nothing is known of it.
    """

    value: float
    error: float
    df: float

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return the t interval; infinite without degrees of freedom."""
        if self.df <= 0:
            return (-math.inf, math.inf)
        half = t_quantile((1.0 + confidence) / 2.0, self.df) * self.error
        return (self.value - half, self.value + half)

    @property
    def p(self) -> float:
        """Two-sided p-value of the value being 0."""
        if self.df <= 0:
            return 1.0
        if self.error == 0:
            return 1.0 if self.value == 0 else 0.0
        return t_two_sided_p(self.value / self.error, self.df)


@dataclass(frozen=True)
class Fit:
    """Least squares of y on the columns of x, with variances that assume no common noise.

    Attributes:
        x: (N, P) of full column rank, N > P.
        y: (N,).
    """

    x: Floats
    y: Floats

    @cached_property
    def inverse(self) -> Floats:
        """(P, P) inverse of x'x."""
        return np.asarray(np.linalg.inv(self.x.T @ self.x))

    @cached_property
    def coefficients(self) -> Floats:
        """(P,)."""
        return np.asarray(self.inverse @ (self.x.T @ self.y))

    @cached_property
    def residuals(self) -> Floats:
        """(N,)."""
        return np.asarray(self.y - self.x @ self.coefficients)

    @cached_property
    def _residual_maker(self) -> Floats:
        """(N, N) what makes residuals out of y."""
        return np.asarray(np.eye(len(self.y)) - self.x @ self.inverse @ self.x.T)

    def weights(self, contrast: ArrayLike) -> Floats:
        """Return (N,) by which y is summed to estimate ``contrast @ coefficients``."""
        return np.asarray(self.x @ (self.inverse @ np.asarray(contrast, dtype=np.float64)))

    def estimate(self, contrast: ArrayLike) -> Estimate:
        """Return ``contrast @ coefficients`` with its standard error.

        Residuals are divided by 1 - leverage (HC3: MacKinnon and White, J. Econometrics 29, 1985).
        The degrees of freedom match the variance that this variance estimate has: what equal
        normal noise would give it (Bell and McCaffrey, Survey Methodology 28, 2002), or, where
        that is fewer, what the fourth moments of the residuals say. With heavy tails (a few
        combinations that fail to learn) the second is what keeps the intervals honest.

        Args:
            contrast: (P,).
        """
        contrast = np.asarray(contrast, dtype=np.float64)
        share = np.diag(self._residual_maker)
        # a row that the model passes through says nothing of the noise
        used = share > 1e-9
        scale = np.zeros(len(self.y))
        scale[used] = self.weights(contrast)[used] / share[used]
        parts = scale * self.residuals
        variance = float(parts @ parts)
        value = float(contrast @ self.coefficients)
        mean, spread = float(scale**2 @ share), float(scale**2 @ self._residual_maker**2 @ scale**2)
        df = mean**2 / spread if spread > 0 else 0.0
        excess = float((parts**4).sum()) - variance**2 / len(parts)
        if excess > 0:
            df = min(df, max(1.0, 2.0 * variance**2 / excess))
        return Estimate(value, math.sqrt(variance), df)


def has_full_rank(x: Floats) -> bool:
    """Return whether no column of x is a combination of the others."""
    return bool(np.linalg.matrix_rank(x) == x.shape[1])
