"""``archsearch`` with latencies that are the same in every session, in place of measured ones.

A latency follows from the network. As a program, a command's words follow:

    python -P tests/faults/recorded_latencies.py run tiny
"""

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import pytest

from archsearch.arch import Arch
from archsearch.cost import Comparison, Levels, count_arch
from archsearch.cost.breakdown import Breakdown
from archsearch.record import LatencyResult

#: of `archsearch`; a command's words follow
COMMAND = (sys.executable, "-P", str(Path(__file__).resolve()))


class RecordedProbe:
    """A `Measurer` without a process: a latency is a function of the network."""

    def __init__(self, *_: object) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def prepare(self, target: Arch, protocol: object) -> None:
        pass

    def measure(self, target: Arch, protocol: object) -> LatencyResult:
        ms = 1.0 + count_arch(target).macs / 4e5 + int(target.digest[:4], 16) / 1e6
        return LatencyResult(
            median_ms=ms,
            p10_ms=ms,
            p90_ms=ms,
            interval_ms=(0.99 * ms, 1.01 * ms),
            num_inferences=9,
            num_warmup=4,
        )

    def compare(self, targets: Sequence[Any], protocol: object) -> Comparison:
        results = tuple(self.measure(each, protocol) for each in targets)
        logs = [math.log(each.median_ms) for each in results]
        levels = tuple(log - sum(logs) / len(logs) for log in logs)
        return Comparison(results, (Levels(levels, (0.0,) * len(logs), 12),))

    def breakdown(self, target: Arch, names: Sequence[str], protocol: object) -> Breakdown:
        whole = self.measure(target, protocol).median_ms
        return Breakdown(whole, whole, {name: whole / len(names) for name in names}, 10, 0.0, 1.0)

    def close(self) -> None:
        pass


def main() -> None:
    """Run a command of archsearch."""
    from archsearch.cli.app import main as archsearch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("archsearch.run.session.Probe", RecordedProbe)
        archsearch()


if __name__ == "__main__":
    main()
