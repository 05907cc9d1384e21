"""Compare networks in as many passes as it takes to tell them apart."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import combinations

from torch import nn

from archsearch.activity import doing
from archsearch.cost.comparison import Comparison, joined
from archsearch.cost.measured_network import Target
from archsearch.cost.probe import Probe
from archsearch.cost.protocol import LatencyProtocol
from archsearch.cost.ratios import PASSES

#: after so many, one more narrows no interval by a tenth
MOST_PASSES = 5


@dataclass(frozen=True)
class RepeatedComparison:
    """What several passes have brought.

    Attributes:
        comparison: of the networks, on one scale.
        passes: how many there were.
        seconds: that they took, building included.
    """

    comparison: Comparison
    passes: int
    seconds: float


def compare_repeatedly(
    probe: Probe,
    targets: Sequence[Target],
    protocol: LatencyProtocol,
    *,
    input_shapes: Sequence[Sequence[int] | None] | None = None,
    quiet: Callable[[], AbstractContextManager[object]] = nullcontext,
    most: int = MOST_PASSES,
) -> RepeatedComparison:
    """Measure networks in passes, each by a fresh process, until nothing more is learnt.

    That is after `PASSES` passes, once every two networks are distinguished, or the interval of
    their ratio is as narrow as ``protocol.interval_share``; or after ``most``.

    Args:
        probe: measures; its process is started afresh for each pass.
        targets: at least two networks.
        protocol: of each pass.
        input_shapes: ``(C, H, W)`` of each; None takes the networks' own.
        quiet: holds the machine while a pass is measured; building needs no quiet.
        most: passes at most.

    Raises:
        InputError, TrialError, ProbeError: as `Probe.compare` does.
    """
    began = time.perf_counter()
    shapes = input_shapes or [None] * len(targets)
    passes = list[Comparison]()
    with doing(f"comparing {len(targets)} networks, in {PASSES} to {most} passes") as activity:
        while True:
            activity.note = f"pass {len(passes) + 1}"
            if passes:
                probe.close()
            for target, shape in zip(targets, shapes, strict=True):
                if not isinstance(target, nn.Module):
                    probe.prepare(target, protocol, input_shape=shape)
            with quiet():
                passes.append(probe.compare(targets, protocol, input_shapes=shapes))
            found = joined(passes)
            enough = len(passes) >= min(PASSES, most) and _is_known(found, protocol.interval_share)
            if enough or len(passes) >= most:
                return RepeatedComparison(found, len(passes), time.perf_counter() - began)


def _is_known(found: Comparison, share: float) -> bool:
    """Return whether every ratio differs clearly from 1, or is known to ``share`` of it."""
    ratios = [found.ratio(*pair) for pair in combinations(range(len(found.results)), 2)]
    return all(
        each.is_clear
        or (each.interval is not None and each.interval[1] - each.interval[0] <= share * each.value)
        for each in ratios
    )
