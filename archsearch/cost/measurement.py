"""The measuring loop: warm-up, interleaved blocks, stopping. It owns no clock."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from archsearch.cost.latency_interval import (
    FEWEST_VALUES,
    is_narrow,
    is_steady,
    median_interval,
)
from archsearch.cost.measurement_history import HOST_QUIET, expected_spread
from archsearch.cost.protocol import LatencyProtocol
from archsearch.cost.ratios import Levels, levels_of

#: share of its time that a block must have spent on the processor to count as undisturbed
_MIN_BUSY = 0.97
#: reference inferences of a block, off the clock and on it; after another network its first is
#: a quarter slower, its sixth 2 %
_REFERENCE_LEAD = 5
_REFERENCE_RUNS = 3
#: time a network runs off the clock at the start of its block
_LEAD_MS = 4.0
_CALIBRATION_BLOCKS = 12
#: a block during which the reference changed by more says little
_MAX_CHANGE = 0.1
#: a reference slower than this many times was descheduled for most of its block; the network
#: was not, so its time must not be divided by this slowdown
_MAX_SLOWDOWN = 3.0
_NORMAL_95 = 1.96
#: of the logarithm of the reference's slowdown that is taken off that of a network's latency.
#: Counted over 20 networks of 0.8 to 140 ms on a shared virtual machine, idle and beside load, 0.25
#: to 0.4 left the least between measurements; none left twice as much, all of it half as much again
_POWER = 1 / 3
#: rounds between two looks at whether enough is known
_LOOK_EVERY = 3


@dataclass(frozen=True)
class TimedBlock:
    """Inferences timed one after the other.

    Attributes:
        times_ms: of each inference, by the wall clock.
        busy: processor time over wall time; below 1 a thread waited or was descheduled. None
            where that means nothing (the work runs on another device).
        on_processor_ms: of each inference, the time in which its thread ran. That is its time on a
            machine that does nothing else, whoever else wants the processor. None where one
            thread does not do all the work.
    """

    times_ms: tuple[float, ...]
    busy: float | None = None
    on_processor_ms: tuple[float, ...] | None = None

    @property
    def undisturbed_ms(self) -> tuple[float, ...]:
        """Inferences without the time in which others had the processor, where that is known."""
        return self.on_processor_ms or self.times_ms

    @property
    def median_ms(self) -> float:
        """Median inference, undisturbed."""
        return median(self.undisturbed_ms)


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

    def is_quiet(self, calibration_ms: float, max_drift: float, busiest: float) -> bool:
        """Return whether nothing disturbed the block: reference on the mark, not descheduled.

        Args:
            calibration_ms: latency of the reference on a quiet machine.
            max_drift: how far, as a share, it may be off.
            busiest: the busy share of an undisturbed block of this network.
        """
        on_mark = all(
            abs(reference / calibration_ms - 1) <= max_drift
            for reference in (self.before_ms, self.after_ms)
        )
        return on_mark and (self.block.busy is None or self.block.busy >= _MIN_BUSY * busiest)

    def slowdown(self, calibration_ms: float) -> float:
        """Return the reference's latency beside the block over that on a quiet machine."""
        return (self.before_ms + self.after_ms) / (2 * calibration_ms)


@dataclass
class Measurement:
    """Interleaved blocks of networks, and their latencies.

    A block's latency is the time in which the network's own thread ran, so that a neighbour who
    takes the processor away takes nothing from the estimate. What is left of a neighbour, fewer
    caches and a lower clock, slows the reference too: the third root of its slowdown is divided
    out. A disturbance only slows, so the estimate is the median of the faster half of the blocks.

    Attributes:
        protocol: how they were taken.
        calibration_ms: latency of the reference on a quiet machine.
        warmups: inferences before the clock started, for each network.
        rounds: one block of every network each.
        settled: the blocks of every network know their median well enough.
    """

    protocol: LatencyProtocol
    calibration_ms: float
    warmups: tuple[int, ...] = ()
    rounds: list[tuple[PairedBlock, ...]] = field(default_factory=list)
    settled: bool = False

    def believed(self, index: int) -> list[PairedBlock]:
        """Return the blocks of one network that its latency comes from."""
        seen = [each[index] for each in self.rounds]
        beside = [each for each in seen if each.slowdown(self.calibration_ms) <= _MAX_SLOWDOWN]
        alike = [each for each in beside if abs(each.before_ms / each.after_ms - 1) <= _MAX_CHANGE]
        return alike if len(alike) >= max(FEWEST_VALUES, len(beside) / 4) else beside or seen

    def corrected(self, index: int) -> list[float]:
        """Return the believed blocks of one network, milliseconds in quiet."""
        believed = self.believed(index)
        latencies = [each.block.median_ms for each in believed]
        slowdowns = [each.slowdown(self.calibration_ms) for each in believed]
        if slowdowns[0] > _MAX_SLOWDOWN:
            # nothing to divide by: the blocks as they are, which are too slow if anything
            return latencies
        return [
            ms / share_of_slowdown(slowdown)
            for ms, slowdown in zip(latencies, slowdowns, strict=True)
        ]

    def estimate_ms(self, index: int) -> float:
        """Return the latency of one network, milliseconds in quiet."""
        return median(_faster_half(self.corrected(index)))

    def is_known(self, index: int) -> bool:
        """Return whether more blocks of one network would say little more."""
        values = self.corrected(index)
        enough = len(values) >= self.protocol.min_blocks
        return enough and is_narrow(values, self.protocol.interval_share)

    def spread(self, index: int, quiet: float = HOST_QUIET) -> float | None:
        """Return the expected standard deviation of the estimate, of its logarithm.

        None where fewer than 6 blocks are left: so few do not know their spread.

        Args:
            index: of the network.
            quiet: standard deviation on a machine that does nothing else.
        """
        values = self.corrected(index)
        if len(values) < FEWEST_VALUES:
            return None
        low, high = median_interval(_faster_half(values))
        of_blocks = math.log(high / low) / (2 * _NORMAL_95)
        share_lost = 1 - (self.busy(index) or 1.0)
        return expected_spread(of_blocks, self.slowdown(index), share_lost, quiet)

    def slowdown(self, index: int) -> float:
        """Return the reference over its calibration, beside the blocks of one network."""
        return median(each.slowdown(self.calibration_ms) for each in self.believed(index))

    @property
    def median_reference_ms(self) -> float:
        """Latency of the reference, median over all blocks."""
        return median(each.after_ms for row in self.rounds for each in row)

    @property
    def ran_undisturbed(self) -> bool:
        """Whether no network was descheduled for more than 3 % of its time."""
        return all((self.busy(at) or 1.0) >= _MIN_BUSY for at in range(len(self.rounds[0])))

    def busy(self, index: int) -> float | None:
        """Return the share of a network's time in which it ran, over its best block."""
        shares = [each[index].block.busy for each in self.rounds]
        known = [share for share in shares if share is not None]
        return sum(known) / len(known) / self._busiest(index) if known else None

    def _busiest(self, index: int) -> float:
        """Return the busy share of an undisturbed block: 1 where one thread does all the work."""
        blocks = [each[index].block for each in self.rounds]
        if all(each.on_processor_ms for each in blocks):
            return 1.0
        return max((each.busy or 0.0 for each in blocks), default=0.0)

    def disturbed_share(self, index: int) -> float:
        """Return the share of the blocks of one network beside which the machine was not quiet."""
        seen = [each[index] for each in self.rounds]
        busiest, limit = self._busiest(index), self.protocol.max_drift
        quiet = sum(each.is_quiet(self.calibration_ms, limit, busiest) for each in seen)
        return 1 - quiet / len(seen)

    def drift(self, index: int = 0) -> float:
        """Return the reference over its calibration, minus 1."""
        return self.slowdown(index) - 1

    def levels(self) -> Levels:
        """Return how the networks stand to one another, by every round."""
        return levels_of([[math.log(each.block.median_ms) for each in row] for row in self.rounds])


def share_of_slowdown(slowdown: float) -> float:
    """Return how much slower a network runs while the reference runs ``slowdown`` times slower."""
    return math.pow(slowdown, _POWER)


def _faster_half(values: Sequence[float]) -> list[float]:
    return sorted(values)[: (len(values) + 1) // 2]


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
        is_over = clock() >= deadline
        if is_over or len(result.rounds) % _LOOK_EVERY == 0:
            result.settled = all(result.is_known(index) for index in range(len(networks)))
        if result.settled or is_over:
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
    stands for quiet.

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
    """Return the reference's latency now, in one block, undisturbed."""
    return reference(_REFERENCE_RUNS, _REFERENCE_LEAD).median_ms


def block_size(inference_ms: float, block_ms: float) -> int:
    """Return the number of inferences that fill a block."""
    return max(1, min(1000, round(block_ms / max(inference_ms, 1e-6))))
