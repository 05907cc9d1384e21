"""Latencies of networks that were measured by turns, against one another: pure functions.

What disturbs one network of a round disturbs all, so their ratios are better known than their
latencies. What a process cannot tell is how its memory layout favours one network over another:
that takes several processes, here called passes. `docs/latency.md` explains the model, and
`benchmarks/latency_ratios.py` counts how often its intervals hold.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from archsearch.cost.latency_interval import FEWEST_VALUES
from archsearch.record import LatencyRatio

Floats = NDArray[np.float64]

#: standard deviation between processes of one network's log latency, as networks usually have it,
#: and how many observations that is worth
_USUAL_SPREAD = 0.012
_USUAL_DF = 4
#: standard deviation between measurements of a log ratio, as a share of it: what else a machine
#: does slows networks of different sizes and kinds differently, for as long as a measurement lasts
_SPREAD_BY_RATIO = 0.03
#: batches of neighbouring rounds whose spread says how well a pass knows its own levels: single
#: rounds are not independent, what disturbs them lasts longer
_BATCHES = 6
#: standard error of a pass of one round or two
_UNKNOWN_ERROR = 0.1
_CONFIDENCE = 0.95
#: fresh processes that a comparison takes to know how its networks stand to one another
PASSES = 3


@dataclass(frozen=True)
class Levels:
    """How the networks of one pass stand to one another.

    Attributes:
        logs: (N) log latency of each, their mean 0.
        errors: (N) standard error of each, as the rounds of this pass tell it.
        rounds: behind it.
    """

    logs: tuple[float, ...]
    errors: tuple[float, ...]
    rounds: int


def levels_of(log_ms: Sequence[Sequence[float]]) -> Levels:
    """Return the levels of networks on one scale, by the paired log latencies of rounds.

    Each pair's difference is the median over the rounds; the levels are their least-squares fit.

    Args:
        log_ms: (rounds, N), at least one round.
    """
    rounds = np.asarray(log_ms, dtype=np.float64)
    batches = [part for part in np.array_split(rounds, _BATCHES) if len(part)]
    each = np.array([_fitted(part) for part in batches])
    errors = np.full(rounds.shape[1], _UNKNOWN_ERROR)
    if len(batches) > 2:
        errors = each.std(axis=0, ddof=1) / math.sqrt(len(batches))
    return Levels(tuple(map(float, _fitted(rounds))), tuple(map(float, errors)), len(rounds))


def _fitted(rounds: Floats) -> Floats:
    """Return (N) levels with mean 0 from (R, N) log latencies."""
    differences = np.median(rounds[:, :, None] - rounds[:, None, :], axis=0)
    levels = differences.mean(axis=1)
    return np.asarray(levels - levels.mean())


class PairedLatencies:
    """The same networks in several passes, each by a fresh process.

    A level differs from pass to pass by what the rounds of the pass leave open and by what is usual
    for fresh processes. How far the passes at hand bear that out, pooled over the networks, is
    weighed against what is usual, which is all that a single pass has.

    Args:
        passes: at least one; all of the same networks.
    """

    def __init__(self, passes: Sequence[Levels]) -> None:
        logs = np.array([each.logs for each in passes])
        left_open = np.array([each.errors for each in passes]) ** 2
        # one over the variance of a network's level; all networks of a pass have the same, since
        # a few batches do not tell more. A pass beside a busy neighbour counts less
        weights = 1.0 / (_USUAL_SPREAD**2 + left_open.mean(axis=1))
        #: (N) log latency of each, their mean 0
        self.levels: Floats = weights @ logs / weights.sum()
        squares = float(weights @ ((logs - self.levels) ** 2).sum(axis=1))
        observed = (len(passes) - 1) * (logs.shape[1] - 1)
        self._df = _USUAL_DF + observed
        self._error = math.sqrt((_USUAL_DF + squares) / self._df / weights.sum())
        self._rounds = sum(each.rounds for each in passes)

    def ratio(self, index: int, base: int = 0) -> LatencyRatio:
        """Return the latency of network ``index`` over that of network ``base``."""
        if index == base:
            return LatencyRatio(value=1.0, interval=(1.0, 1.0))
        gap = float(self.levels[index] - self.levels[base])
        if self._rounds < FEWEST_VALUES:
            return LatencyRatio(value=math.exp(gap))
        # two networks, in this measurement and in another one like it
        error = math.sqrt(4 * self._error**2 + 2 * (_SPREAD_BY_RATIO * gap) ** 2)
        half = float(stdtrit(self._df, (1 + _CONFIDENCE) / 2)) * error
        ends = (math.exp(gap - half), math.exp(gap + half))
        return LatencyRatio(value=math.exp(gap), interval=ends)
