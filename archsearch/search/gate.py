"""What is known about a candidate before it is trained: counts, and latency measured in quiet."""

import contextlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from archsearch.arch import Arch
from archsearch.cluster import QuietLock
from archsearch.cost import GATE, ArchCounts, LatencyProtocol, Probe, count_arch
from archsearch.errors import ProbeError, TrialError
from archsearch.record import LatencyResult
from archsearch.search.config import LatencyTarget

logger = logging.getLogger(__name__)

_FAILURES = 3


@dataclass
class GateTime:
    """Seconds spent on measuring.

    Attributes:
        waiting: until training had paused.
        measuring: with the machine held.
        measured: networks measured.
        pauses: times the machine was held.
    """

    waiting: float = 0.0
    measuring: float = 0.0
    measured: int = 0
    pauses: int = 0


class Gate:
    """Counts candidates and measures their latency while no training step runs.

    Args:
        probe: the measuring process.
        quiet: agreement with the training processes of this machine.
        target: where and how latency is measured.
    """

    def __init__(self, probe: Probe, quiet: QuietLock, target: LatencyTarget) -> None:
        self._probe = probe
        self._quiet = quiet
        self._target = target
        self.time = GateTime()

    def counts(self, arch: Arch) -> ArchCounts:
        """Return parameters and multiply-adds, exactly."""
        return count_arch(arch)

    def measure(
        self, archs: Sequence[Arch], protocol: LatencyProtocol = GATE, attempts: int = 1
    ) -> list[LatencyResult | TrialError]:
        """Measure each of ``archs``, holding the machine once for all of them.

        The networks are built before, while training goes on.

        Args:
            archs: what to measure.
            protocol: how; device and number format are the target's.
            attempts: measurements of one network, of which the most believable counts; the first
                steady one ends them.

        Returns:
            for each a result, or why this network cannot be measured.

        Raises:
            ProbeError: the probe failed several times in a row on one of them.
        """
        if not archs:
            return []
        protocol = protocol.model_copy(
            update={
                "batch_size": self._target.batch_size,
                "threads": self._target.threads,
                "dtype": self._target.dtype,
                "runtime": self._target.runtime,
            }
        )
        for arch in archs:
            # what fails here fails again below, where it is reported
            with contextlib.suppress(TrialError, ProbeError):
                self._probe.prepare(arch, protocol)
        with self._quiet.measuring() as waited:
            began = time.perf_counter()
            results = [self._measure_one(arch, protocol, attempts) for arch in archs]
            self.time.measuring += time.perf_counter() - began
        self.time.waiting += waited
        self.time.measured += len(archs)
        self.time.pauses += 1
        return results

    def _measure_one(
        self, arch: Arch, protocol: LatencyProtocol, attempts: int
    ) -> LatencyResult | TrialError:
        """Measure one network until a number is steady; else return the narrowest of a few."""
        results: list[LatencyResult] = []
        failures = 0
        while len(results) < attempts:
            try:
                results.append(self._probe.measure(arch, protocol))
            except TrialError as error:
                return error
            except ProbeError as error:
                failures += 1
                logger.warning("latency probe, failure %d of %d: %s", failures, _FAILURES, error)
                if failures == _FAILURES:
                    raise
                continue
            if results[-1].verdict == "steady":
                break
        return min(results, key=_doubt)


def _doubt(result: LatencyResult) -> tuple[int, float]:
    """Order results from the most to the least believable."""
    low, high = result.interval_ms
    return ("steady", "noisy", "rejected").index(result.verdict), (high - low) / result.median_ms
