"""How far measurements of one network lie apart, and the interval that follows from it.

The blocks of one measurement share the process, its memory layout and what the machine does in
these seconds, so they cannot tell how far another measurement lies away. Two things can: how
disturbed the machine was beside the blocks (`expected_spread`), with constants from one machine
(``docs/decisions.md``), and every network that this machine has measured more than once
(`MeasurementHistory`), which corrects these constants. Measurements of a network within a day are
joined into one estimate, where they agree (`join_measurements`).
"""

import contextlib
import math
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from archsearch.arch import Spec
from archsearch.files import write_json
from archsearch.resources import cache_dir

#: standard deviations, of the logarithm: of a measurement on a machine that does nothing else, and
#: of one whose time is a device's alone (CUDA graphs on an H200: 0.001 within minutes)
HOST_QUIET = 0.038
DEVICE_QUIET = 0.015
#: ... per logarithm of the reference's slowdown, and per share of the time spent off the processor
_PER_SLOWDOWN = 0.15
_PER_SHARE_LOST = 0.08
_CONFIDENCE = 0.95
#: repeated measurements that the constants above count as
_PRIOR_FREEDOM = 8.0
#: largest square that one measurement adds: one outlier does not widen intervals for a month
_MOST_OF_ONE = 25.0
#: measurements nearer to each other see the same machine, in one process or several
_APART_S = 300.0
_KEPT_S = 30 * 24 * 3600.0
#: how long a measurement counts for the estimate of its network, since a machine changes; and up
#: to how many standard deviations from the latest: what differs more was another machine
_JOINED_S = 24 * 3600.0
_AGREE = 2.0
#: of the variance of a measurement, what those of a day have in common: joining leaves it
_SHARED = 0.5
_MOST = 1024


class PastMeasurement(Spec):
    """One measurement of a network.

    Attributes:
        network: key of network and protocol.
        at: when, seconds since 1970.
        ms: estimate.
        spread: its standard deviation, of the logarithm, as `expected_spread` has it.
    """

    network: str
    at: float
    ms: float
    spread: float


@dataclass(frozen=True)
class MachineSpread:
    """By how much measurements on this machine differ more than expected.

    Attributes:
        factor: of the expected standard deviation.
        freedom: degrees of freedom behind it.
        quiet: expected standard deviation, of the logarithm, on a machine that does nothing else.
    """

    factor: float = 1.0
    freedom: float = _PRIOR_FREEDOM
    quiet: float = HOST_QUIET

    def interval(self, ms: float, spread: float) -> tuple[float, float]:
        """Return the interval for another measurement's estimate; it aims at a coverage of 95 %.

        Args:
            ms: this measurement's estimate.
            spread: its expected standard deviation, of the logarithm; the other measurement is
                one on a quiet machine.
        """
        width = _student(self.freedom) * self.factor * math.hypot(spread, self.quiet)
        return ms * math.exp(-width), ms * math.exp(width)


@dataclass(frozen=True)
class JoinedMeasurements:
    """The estimate of several measurements of one network.

    Attributes:
        ms: estimate.
        spread: its standard deviation, of the logarithm.
        count: measurements behind it.
    """

    ms: float
    spread: float
    count: int = 1


def join_measurements(
    own: PastMeasurement, earlier: Iterable[PastMeasurement], machine: MachineSpread
) -> JoinedMeasurements:
    """Return the estimate of a measurement and of those before it that agree with it.

    That is the mean of their logarithms, weighted by their precision; half of the variance is taken
    to be common to all of a day. Measurements of the last minutes saw the same machine as the
    latest one, which stands for them; those of other days, and those that differ by more than
    chance, saw another.

    Args:
        own: the latest measurement.
        earlier: of the same network.
        machine: how far measurements lie apart on this machine.
    """
    before = (each for each in earlier if _APART_S <= own.at - each.at <= _JOINED_S)
    agreeing = [
        each
        for each in _apart(before)
        if abs(math.log(each.ms / own.ms))
        <= _AGREE * machine.factor * math.hypot(each.spread, own.spread)
    ]
    measurements = [*agreeing, own]
    weights = [each.spread**-2 for each in measurements]
    logs = (w * math.log(each.ms) for w, each in zip(weights, measurements, strict=True))
    total, count = sum(weights), len(measurements)
    variance = (1 - _SHARED + _SHARED * count) / total
    return JoinedMeasurements(math.exp(sum(logs) / total), math.sqrt(variance), count)


def expected_spread(
    of_blocks: float, slowdown: float, share_lost: float, quiet: float = HOST_QUIET
) -> float:
    """Return the standard deviation, of the logarithm, of one measurement's estimate.

    Args:
        of_blocks: what the blocks say about their median.
        slowdown: median slowdown of the reference beside them.
        share_lost: of the time that the network's thread did not run.
        quiet: standard deviation on a machine that does nothing else.
    """
    disturbed = _PER_SLOWDOWN * abs(math.log(slowdown)), _PER_SHARE_LOST * share_lost
    return math.hypot(of_blocks, quiet, *disturbed)


class MeasurementHistory:
    """The measurements of one environment and number of threads, over a month.

    A history that cannot be read or written is empty, and raises nothing. Of two processes that
    write at once, one loses its entries.

    Args:
        environment: fingerprint of the environment.
        threads: intra-op threads.
        folder: where it is kept; None takes the user's cache.
        quiet: expected standard deviation on a quiet machine.
    """

    def __init__(
        self,
        environment: str,
        threads: int,
        folder: Path | None = None,
        quiet: float = HOST_QUIET,
    ) -> None:
        kept = folder if folder is not None else cache_dir() / "latency"
        self.quiet = quiet
        self._path = kept / f"history-{environment}-t{threads}.json"

    def spread(self, now: float | None = None) -> MachineSpread:
        """Return by how much measurements have differed so far."""
        return machine_spread(self.measurements(now), self.quiet)

    def measurements(self, now: float | None = None) -> list[PastMeasurement]:
        """Return what is kept, of all networks."""
        return self._read(time.time() if now is None else now)

    def add(self, measurements: Sequence[PastMeasurement]) -> None:
        """Keep what was measured."""
        kept = [*self._read(time.time()), *measurements][-_MOST:]
        with contextlib.suppress(OSError):
            write_json(self._path, [each.model_dump(mode="json") for each in kept])

    def _read(self, now: float) -> list[PastMeasurement]:
        try:
            kept = _Kept.validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            return []
        return [each for each in kept if 0 <= now - each.at <= _KEPT_S and each.ms > 0]


_Kept = TypeAdapter(list[PastMeasurement])


def machine_spread(
    measurements: Iterable[PastMeasurement], quiet: float = HOST_QUIET
) -> MachineSpread:
    """Return by how much repeated measurements differ, over what was expected.

    The sums of squares of all networks about their means, in units of the expected variance, are
    pooled; the constants count as so many repetitions more (a scaled inverse chi-squared prior,
    Gelman et al. 2013, section 2.6).
    """
    of_network: dict[str, list[PastMeasurement]] = defaultdict(list)
    for each in measurements:
        of_network[each.network].append(each)
    squares, freedom = _PRIOR_FREEDOM, _PRIOR_FREEDOM
    for several in of_network.values():
        apart = _apart(several)
        weights = [each.spread**-2 for each in apart]
        logs = [math.log(each.ms) for each in apart]
        mean = sum(w * y for w, y in zip(weights, logs, strict=True)) / sum(weights)
        found = (w * (y - mean) ** 2 for w, y in zip(weights, logs, strict=True))
        squares += sum(min(each, _MOST_OF_ONE) for each in found)
        freedom += len(apart) - 1
    return MachineSpread(math.sqrt(squares / freedom), freedom, quiet)


def _apart(measurements: Iterable[PastMeasurement]) -> list[PastMeasurement]:
    """Return the best known measurement of each moment; moments lie some minutes apart."""
    found: list[PastMeasurement] = []
    began = -math.inf
    for each in sorted(measurements, key=lambda measurement: measurement.at):
        if each.at - began >= _APART_S:
            found.append(each)
            began = each.at
        elif each.spread < found[-1].spread:
            found[-1] = each
    return found


@lru_cache
def _student(freedom: float) -> float:
    """Return the factor of a standard deviation that 95 % lie within."""
    from scipy.special import stdtrit  # scipy.stats takes half a second

    return float(stdtrit(freedom, (1 + _CONFIDENCE) / 2))
