"""Which neighbours of a front their latencies tell apart, by paired ratios."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from archsearch.record import FIRST_TARGET, TrialRecord

LatencyVerdict = Literal["slower", "not distinguishable"]


class LatencyNeighbour(NamedTuple):
    """A trial of a front against the next faster one, by measurements of both together.

    Attributes:
        trial: its number.
        faster: number of the next faster trial.
        ratio: latency of trial over that of faster.
        interval: of the ratio, for another measurement.
        verdict: what the interval says.
    """

    trial: int
    faster: int
    ratio: float
    interval: tuple[float, float]
    verdict: LatencyVerdict


def latency_neighbours(
    front: Sequence[TrialRecord], name: str = FIRST_TARGET
) -> tuple[LatencyNeighbour, ...]:
    """Compare each trial of a front with the next faster one.

    Neighbours that were not measured together, or whose latency is not the one that was measured
    then, are left out: nothing is known of their ratio but the latencies themselves.

    Args:
        front: by increasing latency at the target.
        name: of the latency.
    """
    found = []
    for faster, trial in pairwise(front):
        if not (_shows_final(trial, name) and _shows_final(faster, name)):
            continue
        ratio = trial.final_ratios.get(name, {}).get(faster.number)
        if ratio is None or ratio.interval is None:
            continue
        verdict: LatencyVerdict = "slower" if ratio.interval[0] > 1.0 else "not distinguishable"
        found.append(
            LatencyNeighbour(trial.number, faster.number, ratio.value, ratio.interval, verdict)
        )
    return tuple(found)


def _shows_final(trial: TrialRecord, name: str) -> bool:
    """Return whether the latency that counts is the final one, to which the ratios belong."""
    final = trial.final_latency if name == FIRST_TARGET else trial.more_final_latencies.get(name)
    return final is not None and trial.latency_at(name) is final
