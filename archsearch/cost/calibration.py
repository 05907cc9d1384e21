"""Fill a latency table: measure the networks that together hold the parts of a space."""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from archsearch.activity import doing
from archsearch.arch import Arch
from archsearch.cost.breakdown import CLOCKED_RUNTIMES, Breakdown
from archsearch.cost.latency_model import NOISE_SHARE, NOISY_SHARE
from archsearch.cost.latency_table import LatencyTable
from archsearch.cost.measurer import Measurer
from archsearch.cost.network_parts import REST, count_parts, parts_of
from archsearch.cost.protocol import GATE, LatencyProtocol
from archsearch.errors import TrialError

logger = logging.getLogger(__name__)

#: time of clocked inferences of one network
_CLOCKED_S = 0.08
#: one in this many networks is measured whole and gives no parts; runtimes that no clocks fit into
#: have no parts of their own, and need more whole networks to be scaled by
_HELD_OUT_EVERY = 5
_HELD_OUT_EVERY_UNCLOCKED = 2
_MIN_HELD_OUT = 12
_RETRIES = 2
#: a reference within this share of its latency on a quiet machine: the adjacent block counts as
#: quiet
_QUIET_DRIFT = 0.03
#: beyond this, dividing by the slowdown leaves too much; 3 times what a first measurement tolerates
_MAX_DRIFT = 0.3


@dataclass(frozen=True)
class Coverage:
    """How far a calibration has come.

    Attributes:
        networks: measured so far.
        known: parts of the space that were measured.
        parts: parts of the space, as far as its sample shows them.
        seconds: spent.
        disturbed: networks that gave no parts, because the machine was busy beside each try.
        failed: networks that could not be measured.
        failure: why the last of these could not.
        is_late: the time was over before the parts were known.
    """

    networks: int
    known: int
    parts: int
    seconds: float
    disturbed: int = 0
    failed: int = 0
    failure: str = ""
    is_late: bool = False

    def shortfall(self, limit_s: float) -> str:
        """Return why parts are missing, as a clause; empty where none is.

        Args:
            limit_s: longest calibration that was allowed.
        """
        if self.known >= self.parts:
            return ""
        reasons = []
        if self.disturbed:
            reasons.append(
                f"the machine was busy beside {self.disturbed} of {self.networks} networks; "
                "those times were not used"
            )
        if self.failed:
            reasons.append(
                f"{self.failed} of {self.networks} networks could not be measured, the last "
                f"because {self.failure}"
            )
        if self.is_late:
            many = "1 network" if self.networks == 1 else f"{self.networks} networks"
            reasons.append(f"{limit_s:.0f} s were enough for {many}")
        return "; ".join(reasons)


def calibrate_table(
    table: LatencyTable,
    probe: Measurer,
    archs: Iterable[Arch],
    *,
    protocol: LatencyProtocol = GATE,
    time_limit_s: float = 120.0,
    samples_per_part: int = 2,
    on_progress: Callable[[Coverage], None] = lambda coverage: None,
) -> Coverage:
    """Measure networks out of ``archs`` until their parts are known or time is up.

    Each time, the network with the most parts that are still unknown (or known from fewer than
    ``samples_per_part`` networks) is run with clocks around its parts; every fifth is measured
    whole instead, which shows how far predictions can be trusted. Call it on a quiet machine.

    Args:
        table: filled in place; what it knows already is not measured again.
        probe: measures.
        archs: a sample of the space, some hundreds of architectures.
        protocol: as the table's.
        time_limit_s: longest calibration.
        samples_per_part: networks that each part should be known from.
        on_progress: called after every network.

    Raises:
        ProbeError: the probe died.
    """
    pool = list({arch.digest: arch.canonical() for arch in archs}.values())
    counts = [count_parts(arch) for arch in pool]
    keys = {key for each in counts for key in each}
    seen: Counter[str] = Counter(dict.fromkeys(table.known, samples_per_part))
    unused = set(range(len(pool)))
    begun = time.monotonic()
    networks = held_out = disturbed = failed = 0
    failure, is_late = "", False
    longest_s = 0.0
    has_clocks = protocol.runtime in CLOCKED_RUNTIMES
    every = _HELD_OUT_EVERY if has_clocks else _HELD_OUT_EVERY_UNCLOCKED
    runtime = protocol.runtime if has_clocks else "eager"
    clocked = protocol.model_copy(update={"time_limit_s": _CLOCKED_S, "runtime": runtime})

    def coverage() -> Coverage:
        known = len(keys & table.known)
        return Coverage(networks, known, len(keys), seconds(), disturbed, failed, failure, is_late)

    def seconds() -> float:
        return time.monotonic() - begun

    with doing("calibrating latency, sub-blocks known", time_limit_s, total=len(keys)) as activity:
        while unused:
            # one that takes as long as the longest so far would end after the limit
            if seconds() + longest_s >= time_limit_s:
                is_late = True
                break
            gains = {
                index: sum(max(0, samples_per_part - seen[key]) for key in counts[index])
                for index in unused
            }
            best = max(gains, key=lambda index: (gains[index], -index))
            finished = gains[best] == 0
            if finished and held_out >= _MIN_HELD_OUT:
                break
            whole = finished or networks % every == every - 1
            # a network that is held out should be an ordinary one, not the one with most unknown
            # parts
            index = min(unused) if whole else best
            unused.discard(index)
            before = seconds()
            activity.done = len(keys & table.known)
            try:
                if whole:
                    table.observe(pool[index], probe.measure(pool[index], protocol))
                    held_out += 1
                elif _measure_parts(table, probe, pool[index], clocked, begun + time_limit_s):
                    seen.update(counts[index].keys())
                else:
                    disturbed += 1
            except TrialError as error:
                failed, failure = failed + 1, str(error)
                logger.warning("left out of the latency table: %s", error)
            networks += 1
            longest_s = max(longest_s, seconds() - before)
            on_progress(coverage())
    return coverage()


def _measure_parts(
    table: LatencyTable,
    probe: Measurer,
    arch: Arch,
    protocol: LatencyProtocol,
    until: float,
) -> bool:
    """Add the parts of one network; say whether the machine was quiet enough to.

    It is tried again until the monotonic clock shows ``until``.
    """
    parts = parts_of(arch)
    names = list(dict.fromkeys(name for part in parts for name in (part.name, *part.inside)))
    for _ in range(1 + _RETRIES):
        seen = probe.breakdown(arch, names, protocol)
        if abs(seen.drift) <= _MAX_DRIFT:
            measured = seen.in_quiet()
            table.add_parts(part_times(arch, measured))
            if table.key.runtime in CLOCKED_RUNTIMES:
                noise = NOISE_SHARE if abs(seen.drift) <= _QUIET_DRIFT else NOISY_SHARE
                table.add_network(
                    count_parts(arch), measured.whole_ms, held_out=False, noise_share=noise
                )
            return True
        if time.monotonic() >= until:
            break
    return False


def part_times(arch: Arch, measured: Breakdown) -> dict[str, float]:
    """Return the mean time of each part of ``arch``, by key, from clocks around its modules."""
    parts = parts_of(arch)
    # a clock costs time in the module around it: what is left of a block, or of the network
    clock_ms = max(0.0, measured.clocked_ms - measured.whole_ms) / len(parts)
    spent: defaultdict[str, float] = defaultdict(float)
    for part in parts:
        inside = sum(measured.unit_ms[name] + clock_ms for name in part.inside)
        spent[part.key] += measured.unit_ms[part.name] - inside
    often = Counter(part.key for part in parts)
    rest = {REST: max(0.0, measured.whole_ms - sum(spent.values()))}
    return {key: spent[key] / often[key] for key in spent} | rest
