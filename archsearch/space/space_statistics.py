"""How large the architectures of a space are."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from archsearch.arch import Arch
from archsearch.space.search_space import SearchSpace


@dataclass(frozen=True)
class Spread:
    """Smallest, median and largest value of one measure."""

    smallest: float
    median: float
    largest: float


@dataclass(frozen=True)
class SpaceStats:
    """Statistics of some architectures of a space.

    Attributes:
        num_architectures: distinct architectures looked at.
        complete: these are all that the space has.
        measures: by name, as the counting function gave them.
    """

    num_architectures: int
    complete: bool
    measures: dict[str, Spread]


def space_stats(
    space: SearchSpace,
    n: int,
    rng: np.random.Generator,
    count: Callable[[Arch], Mapping[str, float]],
) -> SpaceStats:
    """Measure ``n`` random architectures of ``space``, or all of them if there are no more.

    Args:
        space: a space of architectures.
        n: architectures to look at.
        rng: where randomness comes from.
        count: returns measures such as ``{"params": ..., "macs": ...}`` of an architecture.
    """
    complete = space.count() <= n
    if complete:
        archs = [space.arch(params) for params in space.enumerate()]
    else:
        drawn = (space.arch(space.sample(rng)) for _ in range(n))
        archs = list({arch.digest: arch for arch in drawn}.values())
    rows = [count(arch) for arch in archs]
    measures = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        measures[name] = Spread(min(values), statistics.median(values), max(values))
    return SpaceStats(len(archs), complete, measures)
