"""A Bayesian linear regression on choices: main effects, and interactions of two to six.

What they do not express, a network has to itself: another training would show it again. A value of
a network that was not trained is not known better than that.

The weights are the effects of an analysis of variance in which all values of a parameter count
alike. Main effects have one prior variance, interactions of two another, those of more a third, and
what a network has to itself a fourth.
The model never writes the weights down: everything asked of it is linear in them, so their prior
enters by its covariance alone (O'Hagan, JRSS B 40, 1978; Duvenaud, Nickisch and Rasmussen, NeurIPS
2011). A parameter that is not active has no effects: the choice that switches it on gets the
credit.
"""

import math
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import cholesky, lapack

from archsearch.analysis.choice_effects import (
    ORDERS,
    Choices,
    Codes,
    Floats,
)

#: shares of the orders (main, two, three ...) in the variances of which they are part: main
#: effects, interactions of two, those of more, half as much variance for each order further, and
#: what a configuration has to itself
_SHARES = np.zeros((4, ORDERS + 1))
_SHARES[0, 0] = _SHARES[1, 1] = _SHARES[3, -1] = 1.0
_SHARES[2, 2:ORDERS] = np.array([8, 4, 2, 1]) / 15
VARIANCES = len(_SHARES)
#: prior variance of the mean over that of the noise: nothing is known of it
_MEAN = 1e4
#: normal prior of log(variance / variance of the noise). Without repetitions nothing is learnt of
#: the last: then about 30 % of what the effects do not express counts as the networks' own
_PRIOR_MEAN, _PRIOR_SD = np.array([1.0, -1.0, -3.0, -1.0]), np.array([3.0, 3.0, 3.0, 1.0])
_BOUNDS = (-12.0, 12.0)
#: fewer degrees of freedom have no variance
_FEWEST_DF = 3.0
#: radius of the points around the mode, in standard deviations over sqrt(VARIANCES)
_RADIUS = 1.3


class Posterior(NamedTuple):
    """What is known of some numbers that are linear in the effects.

    Attributes:
        mean: (Q,).
        covariance: (Q, Q).
        weights: (Q, N) by which what was observed is summed to the mean.
    """

    mean: Floats
    covariance: Floats
    weights: Floats


def effective_df(weights: Floats) -> Floats:
    """Return (...) the degrees of freedom of sums of observations, by their weights (..., N).

    How well the spread of a sum is known depends on how many observations it rests on, for those
    elsewhere need not be as noisy (Satterthwaite, Biometrics Bulletin 2, 1946).
    """
    squares = weights**2
    total, fourth = squares.sum(-1), (squares**2).sum(-1)
    known = np.divide(total**2, fourth, out=np.full(total.shape, 1.0), where=fourth > 0)
    return np.asarray(np.clip(known, _FEWEST_DF, weights.shape[-1] - 1))


@dataclass(frozen=True)
class Setting:
    """The posterior under one setting of the variances.

    Attributes:
        ratios: (VARIANCES,) each variance over that of the noise.
        weight: share of this setting in the posterior.
        inverse: (N, N) of the covariance of what was observed, in units of the noise.
        solved: (N,) that times what was observed.
        noise: variance of one observation.
    """

    ratios: Floats
    weight: float
    inverse: Floats
    solved: Floats
    noise: float


class ChoiceModel:
    """The regression, fitted; its variances are integrated over, not only estimated.

    The common scale has a closed form (Student's t). The variances of the orders, in units of the
    noise, maximise the marginal likelihood; the posterior around that mode is summed over the 25
    points of a central composite design (Rue, Martino and Chopin, JRSS B 71, 2009, section 6.5).

    Args:
        choices: of the configurations.
        codes: (N, P) of the configurations that were observed.
        values: (N,) what was observed.
        counts: (N,) how many observations each value is the mean of; None for one each.
    """

    def __init__(
        self, choices: Choices, codes: Codes, values: ArrayLike, counts: ArrayLike | None = None
    ) -> None:
        y = np.asarray(values, dtype=np.float64)
        self.choices = choices
        self.codes = codes
        self._offset = float(y.mean())
        self._y = y - self._offset
        self._noise = 1.0 / (np.ones(len(y)) if counts is None else np.asarray(counts, float))
        whole = self.series(codes, codes)
        diagonal = np.einsum("nnd->nd", whole)
        size = diagonal.mean(axis=0)[1:]
        #: (VARIANCES, ORDERS + 1) what a variance is for each order, in an average configuration
        self.scale = _SHARES * np.where(size > 1e-9, 1.0 / np.maximum(size, 1e-9), 0.0)
        self._grams = [whole[..., 1:] @ scale for scale in self.scale]
        self.settings = self._integrated()

    @property
    def df(self) -> float:
        """Degrees of freedom of the common scale; the mean takes one."""
        return float(len(self._y) - 1)

    def _covariance(self, ratios: Floats) -> Floats:
        total = np.full((len(self._y),) * 2, _MEAN)
        for ratio, gram in zip(ratios, self._grams, strict=True):
            total += ratio * gram
        total[np.diag_indices_from(total)] += self._noise
        return total

    def negative_log_density(self, log_ratios: Floats) -> tuple[float, Floats]:
        """Return minus the log posterior density of the variances, and its gradient."""
        ratios = np.exp(log_ratios)
        inverse, log_det = _inverted(self._covariance(ratios))
        solved = inverse @ self._y
        quadratic = float(self._y @ solved) + 1e-300
        away = (log_ratios - _PRIOR_MEAN) / _PRIOR_SD
        value = 0.5 * log_det + 0.5 * self.df * math.log(quadratic) + 0.5 * float(away @ away)
        gradient = np.array(
            [
                ratio
                * 0.5
                * (
                    float((inverse * gram).sum())
                    - self.df * float(solved @ gram @ solved) / quadratic
                )
                for ratio, gram in zip(ratios, self._grams, strict=True)
            ]
        )
        return value, gradient + away / _PRIOR_SD

    def _integrated(self) -> list[Setting]:
        from scipy.optimize import minimize  # takes a third of a second

        found = minimize(
            self.negative_log_density,
            _PRIOR_MEAN,
            jac=True,
            method="L-BFGS-B",
            bounds=[_BOUNDS] * VARIANCES,
            options={"maxiter": 60, "ftol": 1e-7},
        )
        mode, best = found.x, float(found.fun)
        steps = 0.1 * np.eye(VARIANCES)
        ends = [
            [self.negative_log_density(mode + sign * step)[1] for sign in (1, -1)] for step in steps
        ]
        hessian = np.array([(after - before) / 0.2 for after, before in ends])
        sizes, axes = np.linalg.eigh((hessian + hessian.T) / 2)
        # no direction is wider than the prior
        spread = axes / np.sqrt(np.maximum(sizes, 1.0 / _PRIOR_SD.max() ** 2))
        corners = np.array(list(product((-1.0, 1.0), repeat=VARIANCES)))
        stars = math.sqrt(VARIANCES) * np.vstack([np.eye(VARIANCES), -np.eye(VARIANCES)])
        around = _RADIUS * np.vstack([corners, stars])
        places, shares = [mode], [1.0 - 1.0 / _RADIUS**2]
        for each in around:
            places.append(np.clip(mode + spread @ each, *_BOUNDS))
            density = best - self.negative_log_density(places[-1])[0] + 0.5 * float(each @ each)
            shares.append(math.exp(min(density, 3.0)) / (len(around) * _RADIUS**2))
        total = sum(shares)
        return [
            self._setting(np.exp(place), share / total)
            for place, share in zip(places, shares, strict=True)
        ]

    def _setting(self, ratios: Floats, weight: float) -> Setting:
        inverse, _ = _inverted(self._covariance(ratios))
        solved = inverse @ self._y
        return Setting(ratios, weight, inverse, solved, float(self._y @ solved) / self.df)

    def ask(self, cross: Floats, prior: Floats) -> Posterior:
        """Return the posterior of Q numbers that are linear in the effects.

        Args:
            cross: (Q, N, PLACES) prior covariances with what was observed, as a series; that of
                order 0, the mean's, is 0 for a difference.
            prior: (Q, Q, PLACES) prior covariances among each other.
        """
        means, covariances, weights, by_data = [], [], [], []
        for each in self.settings:
            scale = np.append(_MEAN, each.ratios @ self.scale)
            with_data, own = cross @ scale, prior @ scale
            means.append(with_data @ each.solved + cross[:, :1, 0].sum(1) * self._offset)
            by_data.append(with_data @ each.inverse)
            covariances.append(each.noise * (own - by_data[-1] @ with_data.T))
            weights.append(each.weight)
        mean = np.average(means, axis=0, weights=weights)
        within = np.average(covariances, axis=0, weights=weights)
        apart = np.array(means) - mean
        between = np.einsum("s,si,sj->ij", weights, apart, apart)
        return Posterior(mean, within + between, np.average(by_data, axis=0, weights=weights))

    def ask_of_pair(
        self, cross: Floats, prior: Floats, columns: tuple[int, int], own: tuple[Floats, float]
    ) -> Posterior:
        """Return the posterior of one number about a pair that may interact more than others do.

        Interactions are few and large rather than many and equal. Under one variance for all of
        them, a large one would be pulled to 0; so this pair may have effects as large as main ones.

        Args:
            cross: (1, N, PLACES) as for `ask`.
            prior: (1, 1, PLACES) as for `ask`.
            columns: of the two parameters.
            own: (N,) covariances of the number's part that is of this pair's effects, with what was
                observed, and the variance of that part; at a variance of 1.
        """
        roots = [_root(self.choices.tables[p])[self.codes[:, p]] for p in columns]
        both = (roots[0][:, :, None] * roots[1][:, None, :]).reshape(len(self._y), -1)
        means, variances, weights, by_data = [], [], [], []
        for each in self.settings:
            scale = np.append(_MEAN, each.ratios @ self.scale)
            extra = float(scale[1])
            with_data = (cross @ scale)[0] + extra * own[0]
            # of K + extra * both both' (Woodbury)
            turned = each.inverse @ both
            inner = np.linalg.inv(np.eye(both.shape[1]) / extra + both.T @ turned)
            by_both = turned.T @ self._y
            solved = each.solved - turned @ (inner @ by_both)
            noise = each.noise - float(by_both @ inner @ by_both) / self.df
            part = turned.T @ with_data
            by_data.append(each.inverse @ with_data - turned @ (inner @ part))
            known = float(by_data[-1] @ with_data)
            means.append(float(with_data @ solved))
            variances.append(noise * (float((prior @ scale)[0, 0]) + extra * own[1] - known))
            weights.append(each.weight)
        mean = float(np.average(means, weights=weights))
        variance = np.average(np.array(variances) + (np.array(means) - mean) ** 2, weights=weights)
        summed = np.average(by_data, axis=0, weights=weights)[None]
        return Posterior(np.array([mean]), np.array([[variance]]), summed)

    def predict(self, codes: Codes) -> Posterior:
        """Return the posterior of the values of M configurations, noise of training excepted."""
        return self.ask(self.series(codes, self.codes), self.series(codes, codes))

    def series(self, left: Codes, right: Codes) -> Floats:
        """Return (N, M, PLACES) prior covariances between the rows of both."""
        return self.choices.series(range(len(self.choices.parameters)), left, right)

    def leave_one_out(self) -> Floats:
        """Return (N,) the mean that all other observations predict for each."""
        residuals = sum(each.weight * each.solved / np.diag(each.inverse) for each in self.settings)
        return np.asarray(self._y + self._offset - residuals)

    @property
    def noise(self) -> float:
        """Standard deviation of trainings of one configuration."""
        return math.sqrt(sum(each.weight * each.noise for each in self.settings))

    @property
    def beyond(self) -> float:
        """Standard deviation of one observation beyond the effects: noise, and what is its own."""
        own = (each.weight * each.noise * (1.0 + each.ratios[-1]) for each in self.settings)
        return math.sqrt(sum(own))


def _inverted(matrix: Floats) -> tuple[Floats, float]:
    """Return inverse and log determinant of a covariance matrix."""
    lower = cholesky(matrix, lower=True, check_finite=False)
    half, _ = lapack.dpotri(lower, lower=1)
    half = np.tril(half)
    return half + np.tril(half, -1).T, 2.0 * float(np.log(np.diag(lower)).sum())


def _root(table: Floats) -> Floats:
    """Return (V, R) rows whose products are the table's entries."""
    sizes, axes = np.linalg.eigh(table)
    kept = sizes > 1e-9
    return np.asarray(axes[:, kept] * np.sqrt(sizes[kept]))
