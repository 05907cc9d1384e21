"""Counts, predicted latency and measured latency of candidates."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from archsearch.activity import doing
from archsearch.arch import Arch
from archsearch.cluster import Quiet, quiet_or_not
from archsearch.cost import (
    COMPARE,
    FINAL,
    GATE,
    PASSES,
    ArchCounts,
    Comparison,
    Coverage,
    LatencyProtocol,
    LatencyTable,
    Measurer,
    calibrate_table,
    count_arch,
    joined,
)
from archsearch.cost.measured_network import Target
from archsearch.errors import ProbeError, RunError, TrialError
from archsearch.record import LatencyPrediction, LatencyResult
from archsearch.run.latency.front_visits import FrontVisits
from archsearch.run.latency.joint_measurement import JointMeasurement
from archsearch.run.latency.latency_target import LatencyTarget

logger = logging.getLogger(__name__)

#: times that a network may end the probe, and networks in a row that may
_FAILURES = 3
_NETWORKS = 3
#: seconds between two copies of a table that is being calibrated
_KEPT_EVERY_S = 5.0
Result = TypeVar("Result")


@dataclass
class MeasuringTime:
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


class LatencyMeasurer:
    """Counts candidates and measures their latency while no training step runs.

    Args:
        probe: the measuring process.
        quiet: keeps training and measurements of this machine apart.
        target: where and how latency is measured.
        table: predicts, and learns from every measurement; None does without.
        say: prints a line.

    Attributes:
        time: spent so far.
        visits: chooses networks that are measured again in the pauses for new ones; None for none.
    """

    def __init__(
        self,
        probe: Measurer,
        quiet: Quiet,
        target: LatencyTarget,
        table: LatencyTable | None = None,
        say: Callable[[str], None] = logger.warning,
    ) -> None:
        self._probe = probe
        self._quiet = quiet
        self._target = target
        self._table = table
        self._say = say
        self._ended_probes = 0
        self.time = MeasuringTime()
        self.visits: FrontVisits | None = None

    def counts(self, arch: Arch) -> ArchCounts:
        """Return parameters and multiply-adds, exactly."""
        return count_arch(arch)

    def calibrate(self, archs: Sequence[Arch], limit_s: float) -> Coverage:
        """Fill the latency table from a sample of the space, holding the machine.

        Raises:
            ProbeError: the probe failed.
            NotQuietError: training did not pause in time.
        """
        assert self._table is not None, "there is a table to calibrate"
        protocol = self.protocol(GATE)
        # the probe starts, and builds its first network, before the machine is held and the
        # clock runs
        with contextlib.suppress(TrialError):
            self._probe.prepare(archs[0], protocol)
        table, kept = self._table, time.monotonic()

        def keep(_: Coverage) -> None:
            # a process that is killed has calibrated until then
            nonlocal kept
            if time.monotonic() - kept > _KEPT_EVERY_S:
                with contextlib.suppress(OSError):
                    table.save()
                kept = time.monotonic()

        with self._quiet.measuring("calibrating latency", limit_s):
            return calibrate_table(
                table,
                self._probe,
                archs,
                protocol=protocol,
                time_limit_s=limit_s,
                on_progress=keep,
            )

    def predict(self, arch: Arch) -> LatencyPrediction | None:
        """Return what the latency table expects; None where it knows nothing."""
        if self._table is None or not self._table.known:
            return None
        expected = self._table.predict(arch)
        return LatencyPrediction(
            ms=expected.ms, interval_ms=expected.interval_ms, known_share=expected.known_share
        )

    def measure(self, archs: Sequence[Arch]) -> list[LatencyResult | TrialError]:
        """Take a first measurement of each of ``archs``, holding the machine once for all of them.

        The networks are built before, while training goes on.

        Args:
            archs: what to measure.

        Returns:
            for each a result, or why this network cannot be measured.

        Raises:
            ProbeError: the probe failed on several networks in a row, so the fault is not theirs.
        """
        protocol = self.protocol(GATE)
        with doing("a first measurement of candidates: built", total=len(archs)) as activity:
            for arch in archs:
                # what fails here fails again below, where it is reported
                with contextlib.suppress(TrialError, ProbeError):
                    self._probe.prepare(arch, protocol)
                activity.done += 1
        results = list[LatencyResult | TrialError]()
        with (
            doing("a first measurement of candidates: measured", total=len(archs)) as activity,
            self._held(len(archs)) as is_quiet,
        ):
            for arch in archs:
                result = self._measure_one(arch, protocol)
                results.append(result if is_quiet else _not_steady(result))
                activity.done += 1
            if is_quiet:
                self._visit(archs, protocol)
        if self._table is not None:
            for arch, result in zip(archs, results, strict=True):
                if isinstance(result, LatencyResult):
                    self._table.observe(arch, result)
        return results

    def _visit(self, archs: Sequence[Arch], protocol: LatencyProtocol) -> None:
        """Measure some networks again; the history of this machine takes note of it."""
        if self.visits is None:
            return
        for arch in archs:
            self.visits.seen(arch)
        began = time.perf_counter()
        for arch in self.visits.due():
            # candidates that were measured already must not be lost by a visit that fails
            with contextlib.suppress(ProbeError, TrialError):
                self._probe.measure(arch, protocol)
            self.visits.seen(arch)
        self.visits.spent(time.perf_counter() - began)

    def confirm(self, archs: Sequence[Target]) -> JointMeasurement:
        """Measure ``archs`` for publication, by turns, so that a disturbance hits all alike.

        Several networks are measured in several passes, each by a fresh process: what its memory
        layout does to a ratio differs from process to process. Where networks cannot be measured
        together, each is measured alone: one that cannot be built, or that ends the probe, keeps
        no other from its latency.
        """
        try:
            return self._together(archs)
        except (RunError, TrialError) as error:
            # where it is not the networks that fail, asking for each is no use
            if len(archs) == 1 or not isinstance(error, ProbeError | TrialError):
                logger.warning("latency for publication: %s", error)
                return JointMeasurement(tuple(error for _ in archs))
        return JointMeasurement(
            tuple(found for arch in archs for found in self.confirm([arch]).outcomes)
        )

    def _together(self, archs: Sequence[Target]) -> JointMeasurement:
        if not archs:
            return JointMeasurement(())
        # passes share the time that one network alone has
        protocol = self.protocol(COMPARE if len(archs) > 1 else FINAL)
        passes = list[Comparison]()
        count = PASSES if len(archs) > 1 else 1
        with (
            doing("measuring for publication, in passes", total=count) as activity,
            self._held(len(archs)) as is_quiet,
        ):
            while len(passes) < count:
                if passes:
                    self._probe.close()
                passes.append(_retry(lambda: self._probe.compare(archs, protocol)))
                activity.done = len(passes)
        found = joined(passes)
        outcomes = [result if is_quiet else _not_steady(result) for result in found.results]
        return JointMeasurement.of(outcomes, found.ratio)

    def protocol(self, preset: LatencyProtocol) -> LatencyProtocol:
        """Return ``preset`` with the batch, threads, type and runtime of the target."""
        return preset.model_copy(update=self._target.protocol_fields())

    def time_shares(self, archs: Sequence[Arch]) -> list[dict[str, float]]:
        """Return for each network the share of an inference that stem, stages and head take.

        Keys: ``stem``, ``stages.0`` ..., ``head``; what none of them holds is missing from the
        sum. Measured with clocks around the parts, in eager mode.

        Raises:
            TrialError: one of them cannot be measured.
            ProbeError: the probe failed several times in a row.
        """
        protocol = self.protocol(GATE)
        with self._held(len(archs)):
            return [self._shares(arch, protocol) for arch in archs]

    def _shares(self, arch: Arch, protocol: LatencyProtocol) -> dict[str, float]:
        stages = range(len(arch.canonical().stages))
        names = ["stem", *(f"stages.{index}" for index in stages), "head"]
        found = _retry(lambda: self._probe.breakdown(arch, names, protocol))
        return {name: found.unit_ms[name] / found.clocked_ms for name in names}

    @contextlib.contextmanager
    def _held(self, networks: int) -> Iterator[bool]:
        """Hold the machine, and keep account of the time; yield whether it is quiet.

        A machine that does not become quiet in time is no reason to lose what is trained: what is
        measured then is measured beside the others, and not called steady.
        """
        if not networks:
            yield True
            return
        with quiet_or_not(self._quiet.measuring(), self._say) as (is_quiet, waited):
            began = time.perf_counter()
            yield is_quiet
            self.time.measuring += time.perf_counter() - began
        self.time.waiting += waited
        self.time.measured += networks
        self.time.pauses += 1

    def _measure_one(self, arch: Arch, protocol: LatencyProtocol) -> LatencyResult | TrialError:
        try:
            result = _retry(lambda: self._probe.measure(arch, protocol))
        except TrialError as error:
            return error
        except ProbeError as error:
            self._ended_probes += 1
            if self._ended_probes >= _NETWORKS:
                raise
            return TrialError(str(error))
        self._ended_probes = 0
        return result


Looked = TypeVar("Looked", LatencyResult, LatencyResult | TrialError)


def _not_steady(result: Looked) -> Looked:
    """Return a result that was taken while others were at work: no steady one."""
    if isinstance(result, LatencyResult) and result.verdict == "steady":
        return result.model_copy(update={"verdict": "noisy"})
    return result


def _retry(measure: Callable[[], Result]) -> Result:
    """Measure; on a fault of the probe, which starts afresh by itself, try again."""
    for failures in range(1, _FAILURES + 1):
        try:
            return measure()
        except ProbeError as error:
            logger.warning("latency probe, failure %d of %d: %s", failures, _FAILURES, error)
            if failures == _FAILURES:
                raise
    raise AssertionError("the loop returns or raises")
