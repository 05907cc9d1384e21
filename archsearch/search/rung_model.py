"""One objective at several fidelities: what the low rungs say about the next one is learnt.

Each rung is a multiple of the one below plus a difference, both learnt, the difference by a
Gaussian process over configurations (Kennedy and O'Hagan 2000, section 2; with candidates of a
rung among those of the rung below the parts are fitted one after the other, Le Gratiet and Garnier
2014, section 3). Where the rungs agree little, the multiple is small and the low rung counts little.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archsearch.search.surrogate import GaussianProcess
from archsearch.search.warp import Warp
from archsearch.space import Encoding

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Level:
    """Results of one rung.

    Attributes:
        x: (N, C) encoded configurations.
        y: (N,) values, smaller is better.
        below: (N,) values of the same configurations at the rung below; NaN where unknown.
    """

    x: Floats
    y: Floats
    below: Floats


@dataclass(frozen=True)
class Seen:
    """The highest rung at which configurations were evaluated, and what came of it.

    Attributes:
        rung: (M,) index of the rung; -1 for none.
        value: (M,) at that rung; ignored where there is none.
    """

    rung: NDArray[np.int64]
    value: Floats


class RungModel:
    """Predicts the value at the highest rung that is given.

    Args:
        encoding: of the configurations.
        ideal: best possible value, where there is one; see `Warp`.
    """

    def __init__(self, encoding: Encoding, ideal: float | None = None) -> None:
        self._encoding = encoding
        self._ideal = ideal
        self._processes: list[GaussianProcess] = []
        self._multiples: list[float] = []
        self._warps: list[Warp] = []

    def fit(self, levels: Sequence[Level]) -> None:
        """Learn from results, the lowest rung first; each needs two results or more."""
        while len(self._processes) < len(levels):
            self._processes.append(GaussianProcess(self._encoding))
        self._warps = [Warp(level.y, self._ideal) for level in levels]
        self._multiples = []
        for rung, level in enumerate(levels):
            values, multiple = self._warps[rung].forward(level.y), 0.0
            if rung:
                known = ~np.isnan(level.below)
                lower = self._warps[rung - 1].forward(level.below[known])
                multiple = _slope(lower, values[known])
                # a result without one below, as of an earlier session, is compared with the guess
                guess = np.empty(len(values))
                guess[known] = lower
                if not known.all():
                    guess[~known] = self._climb(level.x[~known], rung - 1, None)[-1][0]
                values = values - multiple * guess
            self._multiples.append(multiple)
            self._processes[rung].fit(level.x, values)

    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """Return mean (M,) and deviation (M,) at the highest rung for configurations (M, C)."""
        mean, deviation = self._climb(x, len(self._multiples) - 1, None)[-1]
        return self._warps[-1].backward(mean, deviation)

    def means(self, x: Floats, seen: Seen) -> list[Floats]:
        """Return means (M,) at every rung, given results at lower ones.

        Args:
            x: (M, C) encoded configurations.
            seen: what is known of them.
        """
        climbed = self._climb(x, len(self._multiples) - 1, seen)
        return [
            warp.backward(*each)[0] for warp, each in zip(self._warps, climbed, strict=True)
        ]

    def _climb(self, x: Floats, top: int, seen: Seen | None) -> list[tuple[Floats, Floats]]:
        """Return mean and deviation at every rung up to ``top``, on the scales learnt."""
        mean, deviation = np.zeros(len(x)), np.zeros(len(x))
        climbed = []
        for rung in range(top + 1):
            multiple = self._multiples[rung]
            added, spread = self._processes[rung].predict(x)
            mean = multiple * mean + added
            deviation = np.hypot(multiple * deviation, spread)
            if seen is not None and (here := seen.rung == rung).any():
                mean[here] = self._warps[rung].forward(seen.value[here])
                deviation[here] = 0.0
            climbed.append((mean.copy(), deviation.copy()))
        return climbed


def _slope(lower: Floats, upper: Floats) -> float:
    """Return the least-squares slope, drawn towards 1 where there are few pairs."""
    if len(lower) < 2:
        return 1.0
    a, b = lower - lower.mean(), upper - upper.mean()
    prior = float(a @ a) / len(a) * 2 + 1e-12
    return float((a @ b + prior) / (a @ a + prior))
