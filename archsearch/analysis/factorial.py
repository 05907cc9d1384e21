"""Main effects and two-way interactions of factors, from all combinations or from a sample."""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from archsearch.analysis.design_cells import Cells, collapse
from archsearch.analysis.regression import Estimate, Fit, Floats, has_full_rank
from archsearch.errors import InputError, Problem


class Effect(NamedTuple):
    """The effect of one level, or of one pair of levels, on the average over all combinations.

    Attributes:
        factors: one name for a main effect, two for an interaction.
        levels: their levels.
        estimate: a main effect is the level's mean minus the grand mean, every other factor
            averaged over all its levels; an interaction is the mean of the pair of levels minus
            what the grand mean and the two main effects add up to.
        interval: its own 95 % interval, not corrected for the number of effects.
        p: p-value after Holm's correction over all main effects, or over all interactions.
    """

    factors: tuple[str, ...]
    levels: tuple[str, ...]
    estimate: Estimate
    interval: tuple[float, float]
    p: float


class Effects(NamedTuple):
    """The effects in a factorial.

    Attributes:
        mean: grand mean over all combinations.
        main: one effect a level.
        steps: one a level but the first: its mean minus that of the factor's first level.
        interactions: one a pair of levels of two factors.
        unclear: what cannot be distinguished in these combinations, in words.
        num_cells: combinations seen.
        num_possible: combinations that there are.
        noise: standard deviation between seeds of one combination; None without repeats.
        method: how the intervals were made, in a sentence.
    """

    mean: Estimate
    main: tuple[Effect, ...]
    steps: tuple[Effect, ...]
    interactions: tuple[Effect, ...]
    unclear: tuple[str, ...]
    num_cells: int
    num_possible: int
    noise: float | None
    method: str


def factorial_effects(
    factors: Mapping[str, Sequence[str]],
    rows: Sequence[Mapping[str, str]],
    values: ArrayLike,
    seeds: Sequence[int] | None = None,
    confidence: float = 0.95,
) -> Effects:
    """Estimate main effects and two-way interactions.

    Main effects come from a regression on sum-to-zero contrasts of all factors, each interaction
    from one that has its two factors' products besides. In a random sample of combinations what
    these models leave out is noise of unequal size, which `Fit.estimate` allows for. The share f
    of combinations that was seen shrinks that part: the variance is (1 - f) times it, and f times
    the variance between seeds, so that with all combinations seen only seeds are left.

    Args:
        factors: factor to its levels, in order.
        rows: one an evaluation: factor to level.
        values: (N,) what was measured in each.
        seeds: seed of each evaluation; evaluations of one seed share its luck. None: no pairing.
        confidence: coverage of each interval.

    Raises:
        InputError: a factor has one level or an unknown one, or there are too few combinations.
    """
    cells = collapse(factors, rows, values, seeds)
    possible = math.prod(len(levels) for levels in factors.values())
    model = _Model(factors, cells, len(cells.means) / possible)
    main, steps = model.main(confidence)
    interactions, unclear = model.interactions(confidence)
    return Effects(
        mean=model.mean(),
        main=main,
        steps=steps,
        interactions=interactions,
        unclear=unclear,
        num_cells=len(cells.means),
        num_possible=possible,
        noise=None if cells.noise is None else math.sqrt(cells.noise),
        method=_method(len(cells.means), possible, cells.noise is not None, confidence),
    )


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values after Holm's step-down correction (Scand. J. Statistics 6, 1979)."""
    adjusted, highest = [0.0] * len(p), 0.0
    for rank, index in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        highest = max(highest, min(1.0, (len(p) - rank) * p[index]))
        adjusted[index] = highest
    return adjusted


class _Model:
    """The regressions over combinations; see `factorial_effects`."""

    def __init__(self, factors: Mapping[str, Sequence[str]], cells: Cells, share: float) -> None:
        self.factors = {name: tuple(levels) for name, levels in factors.items()}
        self.cells, self.means, self.counts = cells.levels, cells.means, cells.counts
        self.share, self.noise, self.noise_df = share, cells.noise, cells.noise_df
        self.codes = [_coding(len(levels)) for levels in self.factors.values()]
        self.blocks = [code[self.cells[:, j]] for j, code in enumerate(self.codes)]
        self.columns = np.hstack([np.ones((len(self.cells), 1)), *self.blocks])
        self._check()
        self.fit = Fit(self.columns, self.means)

    def _check(self) -> None:
        needed = self.columns.shape[1]
        if len(self.cells) < needed or not has_full_rank(self.columns):
            rule = (
                f"main effects of {len(self.factors)} factors need at least {needed} combinations "
                "in which no factor follows from the others"
            )
            raise InputError(Problem("", rule, len(self.cells), "add variants to the study"))

    def mean(self) -> Estimate:
        return self._estimate(self.fit, np.eye(self.columns.shape[1])[0])

    def main(self, confidence: float) -> tuple[tuple[Effect, ...], tuple[Effect, ...]]:
        main, steps, start = [], [], 1
        for (name, levels), code in zip(self.factors.items(), self.codes, strict=True):
            for index, level in enumerate(levels):
                contrast = np.zeros(self.columns.shape[1])
                contrast[start : start + code.shape[1]] = code[index]
                main.append(((name,), (level,), self._estimate(self.fit, contrast)))
                if index:
                    contrast[start : start + code.shape[1]] -= code[0]
                    steps.append(((name,), (level,), self._estimate(self.fit, contrast)))
            start += code.shape[1]
        return _effects(main, confidence), _effects(steps, confidence)

    def interactions(self, confidence: float) -> tuple[tuple[Effect, ...], tuple[str, ...]]:
        found, unclear = [], []
        names = list(self.factors)
        known: list[tuple[int, int]] = []
        for a, b in combinations(range(len(names)), 2):
            extra = self._products(a, b)
            columns = np.hstack([self.columns, extra])
            if len(self.cells) < columns.shape[1] or not has_full_rank(columns):
                unclear.append(
                    f"{names[a]} x {names[b]}: not all pairs of levels occur, or it looks like a "
                    "main effect"
                )
                continue
            unclear += self._aliases(a, b, known, names)
            known.append((a, b))
            fit, base = Fit(columns, self.means), self.columns.shape[1]
            levels = product(enumerate(self.factors[names[a]]), enumerate(self.factors[names[b]]))
            for (i, first), (j, second) in levels:
                contrast = np.zeros(columns.shape[1])
                contrast[base:] = np.outer(self.codes[a][i], self.codes[b][j]).ravel()
                estimate = self._estimate(fit, contrast)
                found.append(((names[a], names[b]), (first, second), estimate))
        return _effects(found, confidence), tuple(unclear)

    def _products(self, a: int, b: int) -> Floats:
        left, right = self.blocks[a], self.blocks[b]
        return np.asarray((left[:, :, None] * right[:, None, :]).reshape(len(self.cells), -1))

    def _aliases(self, a: int, b: int, known: list[tuple[int, int]], names: list[str]) -> list[str]:
        """Return the earlier interactions that the products of a and b are aliased with."""
        # a random sample of many combinations never aliases, and would make this slow
        if len(self.cells) > 4 * self.columns.shape[1] + 40:
            return []
        rest = Fit(self.columns, self.means)
        mine = self._products(a, b)
        mine = mine - self.columns @ (rest.inverse @ (self.columns.T @ mine))
        found = []
        for c, d in known:
            other = self._products(c, d)
            other = other - self.columns @ (rest.inverse @ (self.columns.T @ other))
            both = np.hstack([mine, other])
            if np.linalg.matrix_rank(both) < both.shape[1]:
                pairs = f"{names[c]} x {names[d]} and {names[a]} x {names[b]}"
                found.append(f"{pairs} cannot be distinguished in these combinations")
        return found

    def _estimate(self, fit: Fit, contrast: Floats) -> Estimate:
        robust = fit.estimate(contrast)
        if self.noise is None:
            return robust
        weights = fit.weights(contrast)
        between = (1.0 - self.share) * robust.error**2
        within = self.share * self.noise * float((weights**2 / self.counts).sum())
        variance = between + within
        spread = within**2 / self.noise_df + (between**2 / robust.df if robust.df > 0 else 0.0)
        df = variance**2 / spread if spread > 0 else self.noise_df
        if between > 0 and robust.df <= 0:
            df = 0.0
        return Estimate(robust.value, math.sqrt(variance), df)


def _effects(
    found: Sequence[tuple[tuple[str, ...], tuple[str, ...], Estimate]], confidence: float
) -> tuple[Effect, ...]:
    adjusted = holm([estimate.p for _, _, estimate in found])
    return tuple(
        Effect(names, levels, estimate, estimate.interval(confidence), p)
        for (names, levels, estimate), p in zip(found, adjusted, strict=True)
    )


def _coding(num_levels: int) -> Floats:
    """Return (levels, levels - 1): one row a level; the rows add up to zero."""
    return np.vstack([np.eye(num_levels - 1), -np.ones((1, num_levels - 1))])


def _method(cells: int, possible: int, repeated: bool, confidence: float) -> str:
    start = f"Each interval covers {100 * confidence:g} % by itself; p-values are Holm's. "
    if cells == possible:
        if repeated:
            return start + "All combinations were seen: the noise is that between seeds."
        return start + "One seed: interactions that are left out count as noise."
    sample = f"{cells:,} of {possible:,} combinations: "
    if repeated:
        return start + sample + "the noise is that between combinations and between seeds."
    return start + sample + "variance from the residuals (HC3), which include higher interactions."
