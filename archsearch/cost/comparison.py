"""Networks measured by turns: what each takes, on one scale, and their ratios."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from archsearch.cost.ratios import Levels, PairedLatencies
from archsearch.record import LatencyRatio, LatencyResult


@dataclass(frozen=True)
class Comparison:
    """Networks measured interleaved, in one pass or several.

    Attributes:
        results: what each takes.
        passes: how the networks stand to one another; one entry for each process that measured.
    """

    results: tuple[LatencyResult, ...]
    passes: tuple[Levels, ...]

    def ratio(self, index: int, base: int = 0) -> LatencyRatio:
        """Return the latency of network ``index`` over that of network ``base``."""
        return PairedLatencies(self.passes).ratio(index, base)


class _Level(NamedTuple):
    """How well a pass knows the level of all networks, and which it finds."""

    guesses: int
    log_ms: float


def joined(comparisons: Sequence[Comparison]) -> Comparison:
    """Join passes over the same networks into one comparison on one scale.

    The pass in the middle of those with the fewest rejected latencies gives the level, all passes
    together give the ratios: every latency is scaled so that two of them differ by the networks'
    paired ratio. The scale is anchored at the median, over the latencies that were not rejected, of
    what was measured over what the scale says.

    Args:
        comparisons: at least one.
    """
    levels = [_level(each) for each in comparisons]
    fewest = min(each.guesses for each in levels)
    best = [at for at, each in enumerate(levels) if each.guesses == fewest]
    best.sort(key=lambda at: levels[at].log_ms)
    results = comparisons[best[(len(best) - 1) // 2]].results
    passes = tuple(each for comparison in comparisons for each in comparison.passes)
    if len(results) == 1:
        return Comparison(results, passes)
    scale = PairedLatencies(passes).levels
    offsets = [
        math.log(result.median_ms) - level for result, level in zip(results, scale, strict=True)
    ]
    known = [offset for offset, result in zip(offsets, results, strict=True) if not result.is_guess]
    anchor = median(known or offsets)
    return Comparison(
        tuple(
            _scaled(result, math.exp(anchor - offset))
            for result, offset in zip(results, offsets, strict=True)
        ),
        passes,
    )


def _level(comparison: Comparison) -> _Level:
    logs = [math.log(result.median_ms) for result in comparison.results]
    return _Level(sum(result.is_guess for result in comparison.results), sum(logs) / len(logs))


def _scaled(result: LatencyResult, factor: float) -> LatencyResult:
    """Return a latency that is ``factor`` times as long, with all that is said about it."""
    ends, ratio = result.interval_ms, result.reference_ratio
    return result.model_copy(
        update={
            "median_ms": result.median_ms * factor,
            "p10_ms": result.p10_ms * factor,
            "p90_ms": result.p90_ms * factor,
            "interval_ms": (ends[0] * factor, ends[1] * factor) if ends is not None else None,
            "reference_ratio": ratio * factor if ratio is not None else None,
        }
    )
