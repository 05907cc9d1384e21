"""Intervals of a difference to the base: one method for each state of knowledge of the noise."""

import math
from collections.abc import Mapping

import numpy as np

from archsearch.analysis.max_t import Floats, MaxT, power
from archsearch.analysis.seed_spread import Spread
from archsearch.analysis.significance import difference_interval


class IntervalMethod:
    """The interval, p-value and power of a difference."""

    noise: float | None
    df: float
    method: str

    def interval(self, name: str, gap: float) -> tuple[float, float]:
        """Return the simultaneous interval of a difference."""
        raise NotImplementedError

    def p(self, name: str, gap: float) -> float:
        """Return the adjusted p-value of a difference."""
        raise NotImplementedError

    def power(self, name: str, gap: float, more: int) -> float:
        """Return the power to find a true ``gap`` with ``more`` seeds."""
        raise NotImplementedError


class Pooled(IntervalMethod):
    """One spread for all networks; the differences share the base's noise.

    Args:
        spread: between seeds.
        pairs: seeds of each difference, by name.
        level: confidence of all intervals together.
        correlation: of the differences, where they are not all to one base.
    """

    def __init__(
        self,
        spread: Spread,
        pairs: Mapping[str, list[int]],
        level: float,
        correlation: Floats | None = None,
    ) -> None:
        self.noise, self.df, self._level = math.sqrt(spread.pooled), spread.df, level
        self._n = {name: len(seeds) for name, seeds in pairs.items()}
        known = _correlation(list(pairs.values())) if correlation is None else correlation
        self._max = MaxT(known)
        self._critical = self._max.critical(self.df, level)
        self.method = (
            f"Spread between seeds pooled over {len(pairs) + 1} networks ({self.df:g} degrees of "
            "freedom), intervals simultaneous (Dunnett's max-t)"
        )

    def interval(self, name: str, gap: float) -> tuple[float, float]:
        """Return the simultaneous interval."""
        half = self._critical * self._error(name)
        return (gap - half, gap + half)

    def p(self, name: str, gap: float) -> float:
        """Return the adjusted p-value."""
        return self._max.p(_ratio(gap, self._error(name)), self.df)

    def power(self, name: str, gap: float, more: int) -> float:
        """Return the power to find a true ``gap``."""
        df = self.df + more
        return power(gap, self._error(name, more), df, self._max.critical(df, self._level))

    def _error(self, name: str, more: int = 0) -> float:
        assert self.noise is not None
        return self.noise * math.sqrt(2.0 / (self._n[name] + more))


class Own(IntervalMethod):
    """Each variant's own pairs; the pooled spread for one that has a single pair."""

    noise = None

    def __init__(self, spread: Spread, gaps: Mapping[str, list[float]], level: float) -> None:
        self._alpha = (1.0 - level) / len(gaps)
        self._count = len(gaps)
        self._known = {
            name: (float(np.var(each, ddof=1)), len(each) - 1, len(each))
            if len(each) > 1
            else (2.0 * spread.pooled, int(spread.df), 1)
            for name, each in gaps.items()
        }
        self._floor = spread.floor
        self.df = float(min(df for _, df, _ in self._known.values()))
        self.method = (
            "The spreads of the networks differ (Cochran's test at 5 %): each interval is a t "
            f"interval of the variant's own pairs, Bonferroni over {self._count}"
        )

    def interval(self, name: str, gap: float) -> tuple[float, float]:
        """Return the corrected interval."""
        error, df = self._error(name)
        half = self._critical(df) * error
        return (gap - half, gap + half)

    def p(self, name: str, gap: float) -> float:
        """Return the adjusted p-value."""
        error, df = self._error(name)
        return min(1.0, self._count * _ONE.p(_ratio(gap, error), df))

    def power(self, name: str, gap: float, more: int) -> float:
        """Return the power to find a true ``gap``."""
        error, df = self._error(name, more)
        return power(gap, error, df, self._critical(df))

    def _critical(self, df: float) -> float:
        return _ONE.critical(df, 1.0 - self._alpha)

    def _error(self, name: str, more: int = 0) -> tuple[float, float]:
        variance, df, n = self._known[name]
        return math.sqrt(max(variance, 2.0 * self._floor) / (n + more)), float(df + more)


class ByImages(IntervalMethod):
    """One seed each: two counts of right answers, taken as independent."""

    def __init__(
        self,
        accuracies: Mapping[str, Mapping[int, float]],
        base: str,
        variants: list[str],
        num_images: int,
        level: float,
    ) -> None:
        self._n, self._count = num_images, len(variants)
        self._level = 1.0 - (1.0 - level) / len(variants)
        self._base = accuracies[base]
        self._accuracies = {name: accuracies[name] for name in variants}
        share = float(np.mean(list(self._base.values())))
        self.noise, self.df = binomial_sd(share, num_images), math.inf
        self.method = (
            f"One seed each: the noise is that of counting {num_images:,} images twice, "
            f"independently (Newcombe), Bonferroni over {self._count}; what seeds add is unknown"
        )

    def interval(self, name: str, gap: float) -> tuple[float, float]:
        """Return the corrected interval of two counts."""
        first, second = self._shares(name)
        return difference_interval(first, second, self._n, confidence=self._level)

    def p(self, name: str, gap: float) -> float:
        """Return the adjusted p-value."""
        return min(1.0, self._count * _ONE.p(_ratio(gap, self._error(name)), math.inf))

    def power(self, name: str, gap: float, more: int) -> float:
        """Return the power to find a true ``gap``."""
        error = self._error(name) / math.sqrt(1 + more)
        return power(gap, error, math.inf, _ONE.critical(math.inf, self._level))

    def _shares(self, name: str) -> tuple[float, float]:
        own = self._accuracies[name]
        seed = min(set(own) & set(self._base))
        return own[seed], self._base[seed]

    def _error(self, name: str) -> float:
        return math.hypot(*(binomial_sd(share, self._n) for share in self._shares(name)))


def binomial_sd(share: float, n: int) -> float:
    """Return the standard deviation of a share counted on ``n`` images."""
    # with all right or all wrong, half an image keeps the noise above 0
    share = min(max(share, 0.5 / n), 1.0 - 0.5 / n)
    return math.sqrt(share * (1.0 - share) / n)


def _correlation(pairs: list[list[int]]) -> Floats:
    """Return that of differences to one base: they share its noise where they share seeds."""
    sets = [set(each) for each in pairs]
    found = np.array(
        [[len(a & b) / (2.0 * math.sqrt(len(a) * len(b))) for b in sets] for a in sets]
    )
    np.fill_diagonal(found, 1.0)
    return found


def _ratio(gap: float, error: float) -> float:
    return gap / error if error > 0 else math.copysign(math.inf, gap) if gap else 0.0


_ONE = MaxT(np.ones((1, 1)))
