"""The measuring loop: warm-up, interleaved blocks, rejection, stopping. Clocks are passed in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import log
from statistics import fmean, median

from archsearch.cost.latency_interval import (
    FEWEST_VALUES,
    is_narrow,
    is_steady,
    median_interval,
    percentile,
    sensitivity,
)
from archsearch.cost.protocol import LatencyProtocol
from archsearch.cost.ratios import Levels, levels_of
from archsearch.record import Verdict

#: share of its time that a block must have spent on the processor
_MIN_BUSY = 0.97
#: reference inferences of a block, off the clock and on it; after another network its first is
#: a quarter slower, its sixth 2 %
_REFERENCE_LEAD = 5
_REFERENCE_RUNS = 3
#: time a network runs off the clock at the start of its block
_LEAD_MS = 4.0
_CALIBRATION_BLOCKS = 12
#: of the corrected blocks on a noisy machine: lower end, latency, upper end
_NOISY_PERCENTILES = (2, 25, 75)
#: a block during which the reference changed by more is not used
_MAX_CHANGE = 0.1
#: a reference slower than this many times was descheduled for most of its block;
#: the network beside it was not, and dividing would make nonsense of it
_MAX_SLOWDOWN = 3.0


@dataclass(frozen=True)
class TimedBlock:
    """Inferences timed one after the other.

    Attributes:
        times_ms: of each inference.
        busy: processor time over wall time; below 1 a thread waited or was descheduled. None
            where that means nothing (the work runs on another device).
    """

    times_ms: tuple[float, ...]
    busy: float | None = None

    @property
    def median_ms(self) -> float:
        """Median inference."""
        return median(self.times_ms)


#: runs and times n inferences, after some off the clock
Timer = Callable[[int, int], TimedBlock]
Clock = Callable[[], float]


@dataclass(frozen=True)
class PairedBlock:
    """One block of a network, between two blocks of the reference.

    Attributes:
        block: the network's.
        before_ms: latency of the reference just before.
        after_ms: and just after.
    """

    block: TimedBlock
    before_ms: float
    after_ms: float

    def accepted(self, calibration_ms: float, max_drift: float, busiest: float) -> bool:
        """Return whether the machine was quiet: reference fast, block not descheduled.

        Args:
            calibration_ms: latency of the reference on a quiet machine.
            max_drift: how far, as a share, it may be off.
            busiest: the highest busy share of this network's blocks.
        """
        on_mark = all(
            abs(reference / calibration_ms - 1) <= max_drift
            for reference in (self.before_ms, self.after_ms)
        )
        return on_mark and (self.block.busy is None or self.block.busy >= _MIN_BUSY * busiest)

    def slowdown(self, calibration_ms: float) -> float:
        """Return the reference's latency beside the block over that on a quiet machine."""
        return (self.before_ms + self.after_ms) / (2 * calibration_ms)

    def corrected_ms(self, calibration_ms: float) -> float:
        """Return the block's latency with the reference's slowdown divided out."""
        return self.block.median_ms / self.slowdown(calibration_ms)


@dataclass
class Measurement:
    """Interleaved blocks of networks, and their latencies.

    On a steady machine the latency is the median of the accepted blocks. On a noisy one few
    blocks are undisturbed, so nearly all are used, except those beside which the reference was
    descheduled or changed. Each is divided by the reference's slowdown to the exponent by which
    this network's blocks follow it. Because not every disturbance shows in the reference, the lower
    quartile of these estimates the latency on a quiet machine (``docs/decisions.md`` has the
    measured errors).

    Attributes:
        protocol: how they were taken.
        calibration_ms: latency of the reference on a quiet machine.
        warmups: inferences before the clock started, for each network.
        rounds: one block of every network each.
        settled: enough blocks were accepted and every interval is narrow enough.
    """

    protocol: LatencyProtocol
    calibration_ms: float
    warmups: tuple[int, ...] = ()
    rounds: list[tuple[PairedBlock, ...]] = field(default_factory=list)
    settled: bool = False

    def accepted(self, index: int) -> list[PairedBlock]:
        """Return the blocks of one network during which the machine was quiet."""
        seen = [round_[index] for round_ in self.rounds]
        busiest = max((each.block.busy or 0.0 for each in seen), default=0.0)
        limit = self.protocol.max_drift
        return [each for each in seen if each.accepted(self.calibration_ms, limit, busiest)]

    def believed(self, index: int) -> list[PairedBlock]:
        """Return the blocks of one network that its latency comes from."""
        if self.settled:
            return self.accepted(index)
        seen = [each[index] for each in self.rounds]
        beside = [each for each in seen if each.slowdown(self.calibration_ms) <= _MAX_SLOWDOWN]
        alike = [each for each in beside if abs(each.before_ms / each.after_ms - 1) <= _MAX_CHANGE]
        return alike if len(alike) >= max(FEWEST_VALUES, len(beside) / 4) else beside or seen

    def verdict(self, index: int) -> Verdict:
        """Return ``steady``, ``noisy``, or ``rejected`` when not one block was quiet."""
        if self.settled:
            return "steady"
        return "noisy" if self.accepted(index) else "rejected"

    def estimate(self, index: int) -> tuple[float, tuple[float, float] | None]:
        """Return the latency of one network and its interval, in milliseconds.

        The interval is None where fewer than 6 blocks are left: so few do not know their spread.
        """
        if self.settled:
            medians = [each.block.median_ms for each in self.believed(index)]
            return median(medians), median_interval(medians)
        believed = self.believed(index)
        latencies = [each.block.median_ms for each in believed]
        slowdowns = [each.slowdown(self.calibration_ms) for each in believed]
        # without a slowdown the blocks count as they are, if anything too slow
        power = 0.0
        if slowdowns[0] <= _MAX_SLOWDOWN:
            power = sensitivity(slowdowns, latencies, self.calibration_ms)
        corrected = [
            ms / slowdown**power for ms, slowdown in zip(latencies, slowdowns, strict=True)
        ]
        low, middle, high = (percentile(corrected, percent) for percent in _NOISY_PERCENTILES)
        return middle, (low, high) if len(corrected) >= FEWEST_VALUES else None

    def reference_ms(self, index: int) -> float:
        """Return the latency of the reference beside the believed blocks of one network."""
        return median(ms for e in self.believed(index) for ms in (e.before_ms, e.after_ms))

    def drift(self, index: int = 0) -> float:
        """Return the reference over its calibration, minus 1."""
        return self.reference_ms(index) / self.calibration_ms - 1

    def summary(self, index: int) -> dict[str, object]:
        """Return the fields of a `LatencyResult` that come from the clock."""
        singles = [ms for each in self.believed(index) for ms in each.block.times_ms]
        middle, interval = self.estimate(index)
        reference = self.reference_ms(index) if self.settled else self.calibration_ms
        return {
            "median_ms": middle,
            "p10_ms": percentile(singles, 10),
            "p90_ms": percentile(singles, 90),
            "interval_ms": interval,
            "num_inferences": len(singles),
            "num_warmup": self.warmups[index],
            "reference_ratio": middle / reference,
            "reference_drift": self.drift(index),
            "verdict": self.verdict(index),
        }

    def levels(self, threads: int) -> Levels:
        """Return how the networks stand to one another, by every round.

        Args:
            threads: that a network runs with. Of a single one the processor time of a block
                counts: it leaves out the time for which others had the processor, which the
                networks of a round share by chance. Of several threads, and of a device, the
                median inference.
        """
        return levels_of(
            [
                [log(_undisturbed_ms(each.block, threads)) for each in round_]
                for round_ in self.rounds
            ]
        )


def _undisturbed_ms(block: TimedBlock, threads: int) -> float:
    if threads > 1 or block.busy is None:
        return block.median_ms
    return fmean(block.times_ms) * min(1.0, block.busy)


def measure(
    networks: Sequence[Timer],
    reference: Timer,
    calibration_ms: float,
    protocol: LatencyProtocol,
    clock: Clock,
) -> Measurement:
    """Warm up, then time interleaved blocks until the intervals are narrow or time is up.

    Every network has the protocol's time limit, spent in turns. The limit is stretched for
    networks so slow that ``min_blocks`` single inferences do not fit into it.
    """
    warm = [warm_up(network, protocol, clock) for network in networks]
    result = Measurement(protocol, calibration_ms, tuple(count for count, _ in warm))
    sizes = [block_size(ms, protocol.block_ms) for _, ms in warm]
    needed_s = protocol.min_blocks * sum(ms for _, ms in warm) / 1000
    deadline = clock() + max(len(networks) * protocol.time_limit_s, 1.5 * needed_s)
    leads = [min(size, round(_LEAD_MS / ms)) for size, (_, ms) in zip(sizes, warm, strict=True)]
    before = reference_ms(reference)
    while True:
        round_: list[PairedBlock] = []
        for network, size, lead in zip(networks, sizes, leads, strict=True):
            block = network(size, lead)
            after = reference_ms(reference)
            round_.append(PairedBlock(block, before, after))
            before = after
        result.rounds.append(tuple(round_))
        quiet = [result.accepted(index) for index in range(len(networks))]
        result.settled = all(
            len(seen) >= protocol.min_blocks
            and is_narrow([each.block.median_ms for each in seen], protocol.interval_share)
            for seen in quiet
        )
        if result.settled or clock() >= deadline:
            return result


def warm_up(network: Timer, protocol: LatencyProtocol, clock: Clock) -> tuple[int, float]:
    """Run until two pairs of inferences take about as long; return how many and how long."""
    deadline = clock() + protocol.warmup_limit_s
    times: list[float] = []
    while not is_steady(times) and (len(times) < 2 or clock() < deadline):
        times.extend(network(1, 0).times_ms)
    return len(times), median(times[-2:])


def calibrate(
    reference: Timer, disturb: Callable[[], object], clock: Clock, time_limit_s: float = 0.5
) -> float:
    """Return the reference's latency on a quiet machine, in milliseconds.

    When blocks do not agree within the time limit the machine is loaded, and the fastest block
    stands for quiet: later blocks are then rejected rather than believed.

    Args:
        reference: the reference network.
        disturb: uses the caches as another network would, ahead of every block.
        clock: seconds.
        time_limit_s: longest calibration.
    """
    deadline = clock() + time_limit_s
    reference(1, 2 * _REFERENCE_LEAD)
    medians: list[float] = []
    while not medians or clock() < deadline:
        disturb()
        medians.append(reference_ms(reference))
        if len(medians) >= _CALIBRATION_BLOCKS and is_narrow(medians, 0.01):
            return median(medians)
    return min(medians)


def reference_ms(reference: Timer) -> float:
    """Return the reference's latency now, in one block."""
    return reference(_REFERENCE_RUNS, _REFERENCE_LEAD).median_ms


def block_size(inference_ms: float, block_ms: float) -> int:
    """Return the number of inferences that fill a block."""
    return max(1, min(1000, round(block_ms / max(inference_ms, 1e-6))))
