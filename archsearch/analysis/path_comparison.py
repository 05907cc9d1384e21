"""Gains along a chain of networks, each trained with the same seeds as the one before it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from archsearch.analysis.interval_methods import IntervalMethod, Own, Pooled
from archsearch.analysis.seed_spread import spread_of
from archsearch.space import Params

_LEVEL = 0.95


class Gain(NamedTuple):
    """A difference between two networks of a chain, as a share.

    Attributes:
        value: mean over the seeds that both have.
        interval: 95 %; of steps simultaneous over all of them.
        p: of steps adjusted for their number.
        num_pairs: seeds that both have.
    """

    value: float
    interval: tuple[float, float]
    p: float
    num_pairs: int


class PathGains(NamedTuple):
    """The gains of a chain.

    Attributes:
        steps: one for each network but the first.
        total: of the last network over the first.
        method: how the intervals were made, in a sentence.
    """

    steps: tuple[Gain, ...]
    total: Gain
    method: str


class PathStep(NamedTuple):
    """One step of a path.

    Attributes:
        choices: names of the parameters that change.
        params: active parameters of the network after it.
        expected: its gain by the model, as a share.
    """

    choices: tuple[str, ...]
    params: Params
    expected: float


class TrainedPath(NamedTuple):
    """A path whose networks were trained with paired seeds.

    Attributes:
        seeds: with which each network was trained; not that of the search, by which the trial was
            chosen.
        accuracies: mean accuracy of each network, the baseline first.
        steps: as planned.
        gains: of the steps, and of all together.
    """

    seeds: tuple[int, ...]
    accuracies: tuple[float, ...]
    steps: tuple[PathStep, ...]
    gains: PathGains


def path_gains(
    accuracies: Sequence[Mapping[int, float]], num_images: int | None = None
) -> PathGains | None:
    """Compare each network of a chain with the one before it, over the seeds that both have.

    The noise between seeds is pooled over the chain where the networks' spreads agree; neighbouring
    steps share a network, which the simultaneous intervals account for. Else each step has a t
    interval of its own pairs with Bonferroni's correction.

    Args:
        accuracies: seed to accuracy of each network, from the first to the last; two or more.
        num_images: images behind each accuracy; None when unknown.

    Returns:
        None where a step has no seed in common, or the spread between seeds is unknown.
    """
    ends = (0, len(accuracies) - 1)
    chain = [(at - 1, at) for at in range(1, len(accuracies))]
    pairs = {
        f"{first} {last}": sorted(accuracies[first].keys() & accuracies[last].keys())
        for first, last in (*chain, ends)
    }
    if not all(pairs.values()):
        return None
    spread = spread_of({str(at): own for at, own in enumerate(accuracies)}, num_images)
    if spread is None:
        return None

    def gaps(first: int, last: int) -> list[float]:
        return [
            accuracies[last][seed] - accuracies[first][seed] for seed in pairs[f"{first} {last}"]
        ]

    def method(of: Sequence[tuple[int, int]]) -> IntervalMethod:
        if not spread.equal:
            return Own(spread, {f"{f} {n}": gaps(f, n) for f, n in of}, _LEVEL)
        # the network between two steps counts for one and against the other
        correlation = np.eye(len(of)) - 0.5 * (np.eye(len(of), k=1) + np.eye(len(of), k=-1))
        names = {f"{f} {n}": pairs[f"{f} {n}"] for f, n in of}
        return Pooled(spread, names, _LEVEL, correlation)

    def gain(first: int, last: int, by: IntervalMethod) -> Gain:
        own, name = gaps(first, last), f"{first} {last}"
        value = float(np.mean(own))
        return Gain(value, by.interval(name, value), by.p(name, value), len(own))

    of_steps = method(chain)
    steps = tuple(gain(first, last, of_steps) for first, last in chain)
    return PathGains(steps, gain(*ends, method([ends])), of_steps.method)
