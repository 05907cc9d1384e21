"""The spread of accuracy between seeds, pooled over networks where their spreads agree."""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from archsearch.analysis.regression import Floats

_DRAWS = 4000
_SEED = 7
#: level of the test for unequal spreads
_LEVEL = 0.05


class Spread(NamedTuple):
    """Variance between seeds.

    Attributes:
        pooled: variance of one accuracy around variant plus seed, over all networks.
        df: degrees of freedom of it.
        equal: whether the networks' spreads agree.
        floor: the least variance that accuracies counted on this many images can have.
    """

    pooled: float
    df: float
    equal: bool
    floor: float


def spread_of(
    accuracies: Mapping[str, Mapping[int, float]], num_images: int | None = None
) -> Spread | None:
    """Estimate the variance between seeds from a table of networks and seeds with gaps.

    Spreads are called unequal when the largest network's share of all residuals is among the 5 %
    largest that equal spreads give (Cochran, Annals of Eugenics 11, 1941), simulated for the table
    at hand.

    Args:
        accuracies: network to seed to accuracy.
        num_images: images behind each accuracy; a spread of less than one image's rounding
            (variance 1/12 of its square) is raised to that.

    Returns:
        None when no network has two seeds to compare.
    """
    seeds = sorted({seed for own in accuracies.values() for seed in own})
    places = tuple(
        (i, seeds.index(seed)) for i, own in enumerate(accuracies.values()) for seed in own
    )
    values = np.array([value for own in accuracies.values() for value in own.values()])
    design = _design(places)
    if design.df <= 0:
        return None
    residuals = design.maker @ values
    floor = 0.0 if num_images is None else 1.0 / (12.0 * num_images**2)
    pooled = float(residuals @ residuals) / design.df
    share = _largest_share((residuals**2)[None, :], design)[0]
    # residuals below rounding have no spread to compare
    equal = pooled <= floor or pooled < 1e-18 or share <= _limit(places)
    return Spread(max(pooled, floor), design.df, bool(equal), floor)


class _Design(NamedTuple):
    maker: Floats
    networks: Floats
    df: float


@lru_cache(maxsize=64)
def _design(places: tuple[tuple[int, int], ...]) -> _Design:
    rows = np.array(places)
    networks, seeds = (np.eye(rows[:, k].max() + 1)[rows[:, k]] for k in (0, 1))
    columns = np.hstack([networks, seeds])
    maker = np.eye(len(rows)) - columns @ np.linalg.pinv(columns)
    return _Design(maker, networks, float(len(rows) - np.linalg.matrix_rank(columns)))


def _largest_share(squares: Floats, design: _Design) -> Floats:
    """Return the largest variance of a network over the mean of all: (draws,)."""
    expected = np.diag(design.maker) @ design.networks
    known = expected > 1e-9
    own = (squares @ design.networks)[:, known] / expected[known]
    total = squares.sum(axis=1) / design.df
    return np.asarray(own.max(axis=1) / np.maximum(total, 1e-300))


@lru_cache(maxsize=64)
def _limit(places: tuple[tuple[int, int], ...]) -> float:
    design = _design(places)
    draws = np.random.default_rng(_SEED).standard_normal((_DRAWS, len(places)))
    shares = _largest_share((draws @ design.maker) ** 2, design)
    # two networks always share their residuals evenly: leave room for rounding
    return float(np.quantile(shares, 1.0 - _LEVEL)) * (1.0 + 1e-9)
