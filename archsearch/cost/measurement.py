"""The measuring loop: warm-up, interleaved blocks, rejection, stopping. It owns no clock."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from archsearch.cost.estimate import is_narrow, is_steady, median_interval, percentile
from archsearch.cost.protocol import LatencyProtocol
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


@dataclass(frozen=True)
class TimedBlock:
    """Inferences timed one after the other.

    Attributes:
        times_ms: of each inference.
        busy: processor time over wall time; below 1 a thread was waiting or was set aside. None
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
class Round:
    """One block of every network, between two blocks of the reference."""

    blocks: tuple[TimedBlock, ...]
    before_ms: float
    after_ms: float

    def disturbance(self, calibration_ms: float) -> float:
        """Return how far the reference was off, plus the time that networks were set aside."""
        drift = max(abs(ms / calibration_ms - 1) for ms in (self.before_ms, self.after_ms))
        return drift + max(1 - (block.busy or 1.0) for block in self.blocks)

    def accepted(self, calibration_ms: float, max_drift: float, busiest: Sequence[float]) -> bool:
        """Return whether the machine was quiet: reference on its mark, no block set aside.

        Args:
            calibration_ms: latency of the reference in quiet.
            max_drift: how far, as a share, it may be off.
            busiest: for each network, the highest busy share seen.
        """
        on_mark = all(
            abs(reference / calibration_ms - 1) <= max_drift
            for reference in (self.before_ms, self.after_ms)
        )
        return on_mark and all(
            block.busy is None or block.busy >= _MIN_BUSY * best
            for block, best in zip(self.blocks, busiest, strict=True)
        )


@dataclass
class Measurement:
    """Rounds of interleaved blocks, and what they say.

    Attributes:
        protocol: how they were taken.
        calibration_ms: latency of the reference in quiet.
        warmups: inferences before the clock started, for each network.
        rounds: all of them, rejected ones included.
        settled: enough rounds were accepted and every interval is narrow enough.
    """

    protocol: LatencyProtocol
    calibration_ms: float
    warmups: tuple[int, ...] = ()
    rounds: list[Round] = field(default_factory=list)
    settled: bool = False

    @property
    def accepted(self) -> list[Round]:
        """Rounds during which the machine was quiet."""
        busiest = [
            max((round_.blocks[i].busy or 0.0 for round_ in self.rounds), default=0.0)
            for i in range(len(self.warmups))
        ]
        limit = self.protocol.max_drift
        return [r for r in self.rounds if r.accepted(self.calibration_ms, limit, busiest)]

    @property
    def believed(self) -> list[Round]:
        """Accepted rounds; if there is none (the verdict says so), the least disturbed quarter."""
        quiet = self.accepted
        if quiet:
            return quiet
        ordered = sorted(self.rounds, key=lambda each: each.disturbance(self.calibration_ms))
        return ordered[: (len(ordered) + 3) // 4]

    @property
    def verdict(self) -> Verdict:
        """``steady``, ``noisy``, or ``rejected`` when not one round was quiet."""
        if self.settled:
            return "steady"
        return "noisy" if self.accepted else "rejected"

    def medians(self, index: int) -> list[float]:
        """Return the block medians of one network in milliseconds."""
        return [round_.blocks[index].median_ms for round_ in self.believed]

    @property
    def reference_ms(self) -> float:
        """Latency of the reference during the believed rounds."""
        return median(ms for r in self.believed for ms in (r.before_ms, r.after_ms))

    @property
    def drift(self) -> float:
        """Reference over its calibration, minus 1."""
        return self.reference_ms / self.calibration_ms - 1

    def summary(self, index: int) -> dict[str, object]:
        """Return the fields of a `LatencyResult` that come from the clock."""
        medians = self.medians(index)
        singles = [ms for r in self.believed for ms in r.blocks[index].times_ms]
        middle = median(medians)
        return {
            "median_ms": middle,
            "p10_ms": percentile(singles, 10),
            "p90_ms": percentile(singles, 90),
            "interval_ms": median_interval(medians),
            "num_inferences": len(singles),
            "num_warmup": self.warmups[index],
            "reference_ratio": middle / self.reference_ms,
            "reference_drift": self.drift,
            "verdict": self.verdict,
        }

    def ratio(self, index: int, base: int = 0) -> tuple[float, tuple[float, float]]:
        """Return the paired ratio of two networks' latencies and its confidence interval."""
        ratios = [r.blocks[index].median_ms / r.blocks[base].median_ms for r in self.believed]
        return median(ratios), median_interval(ratios)


def measure(
    networks: Sequence[Timer],
    reference: Timer,
    calibration_ms: float,
    protocol: LatencyProtocol,
    clock: Clock,
) -> Measurement:
    """Warm up, then time interleaved blocks until the intervals are narrow or time is up.

    The time limit is stretched for networks so slow that ``min_blocks`` single inferences do
    not fit into it.
    """
    warm = [warm_up(network, protocol, clock) for network in networks]
    result = Measurement(protocol, calibration_ms, tuple(count for count, _ in warm))
    sizes = [block_size(ms, protocol.block_ms) for _, ms in warm]
    needed_s = protocol.min_blocks * sum(ms for _, ms in warm) / 1000
    deadline = clock() + max(protocol.time_limit_s, 1.5 * needed_s)
    leads = [min(size, round(_LEAD_MS / ms)) for size, (_, ms) in zip(sizes, warm, strict=True)]
    before = reference_ms(reference)
    while True:
        blocks = tuple(
            network(size, lead) for network, size, lead in zip(networks, sizes, leads, strict=True)
        )
        after = reference_ms(reference)
        result.rounds.append(Round(blocks, before, after))
        before = after
        accepted = result.accepted
        result.settled = len(accepted) >= protocol.min_blocks and all(
            is_narrow([r.blocks[i].median_ms for r in accepted], protocol.interval_share)
            for i in range(len(networks))
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
    """Return the reference's latency in quiet, in milliseconds.

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
