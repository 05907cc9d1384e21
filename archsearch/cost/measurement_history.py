"""How far measurements of one network lie apart, and the interval that follows from it.

A sitting is one measurement of a network by one process. Its blocks share the process, its memory
layout and what the machine does in these seconds, so they cannot tell how far another sitting lies
away. Two things can: how disturbed the machine was beside the blocks (`expected_spread`), with
constants from one machine (``docs/decisions.md``), and every network that this machine has measured
more than once (`MeasurementHistory`), which corrects these constants. Sittings of a network within
a day are joined into one estimate, where they agree (`join_sittings`).
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

#: standard deviations, of the logarithm: of a sitting on a machine that does nothing else, ...
_QUIET = 0.038
#: ... per logarithm of the reference's slowdown, and per share of the time spent off the processor
_PER_SLOWDOWN = 0.15
_PER_SHARE_LOST = 0.08
_CONFIDENCE = 0.95
#: repeated measurements that the constants above count as
_PRIOR_FREEDOM = 8.0
#: largest square that one sitting adds, so that one outlier does not widen intervals for a month
_MOST_OF_ONE = 25.0
#: sittings nearer to each other see the same machine, in one process or several
_APART_S = 300.0
_KEPT_S = 30 * 24 * 3600.0
#: how long a sitting counts for the estimate of its network, since a machine changes; and up to how
#: many standard deviations from the latest: what differs more was another machine
_JOINED_S = 24 * 3600.0
_AGREE = 2.0
#: of the variance of a sitting, what the sittings of a day have in common: joining leaves it
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
    """By how much sittings on this machine differ more than expected.

    Attributes:
        factor: of the expected standard deviation.
        freedom: degrees of freedom behind it.
    """

    factor: float = 1.0
    freedom: float = _PRIOR_FREEDOM

    def interval(self, ms: float, spread: float) -> tuple[float, float]:
        """Return the interval for another sitting's estimate; it aims at a coverage of 95 %.

        Args:
            ms: this sitting's estimate.
            spread: its expected standard deviation, of the logarithm; the other sitting is one on
                a quiet machine.
        """
        width = _student(self.freedom) * self.factor * math.hypot(spread, _QUIET)
        return ms * math.exp(-width), ms * math.exp(width)


@dataclass(frozen=True)
class JoinedSittings:
    """The estimate of several sittings of one network.

    Attributes:
        ms: estimate.
        spread: its standard deviation, of the logarithm.
        count: sittings behind it.
    """

    ms: float
    spread: float
    count: int = 1


def join_sittings(
    own: PastMeasurement, earlier: Iterable[PastMeasurement], machine: MachineSpread
) -> JoinedSittings:
    """Return the estimate of a sitting and of those before it that agree with it.

    That is the mean of their logarithms, weighted by their precision; half of the variance is taken
    to be common to all of a day. Sittings of the last minutes saw the same machine as the latest
    one, which stands for them; those of other days, and those that differ by more than chance, saw
    another.

    Args:
        own: the latest sitting.
        earlier: of the same network.
        machine: how far sittings lie apart on this machine.
    """
    before = (each for each in earlier if _APART_S <= own.at - each.at <= _JOINED_S)
    agreeing = [
        each
        for each in _apart(before)
        if abs(math.log(each.ms / own.ms))
        <= _AGREE * machine.factor * math.hypot(each.spread, own.spread)
    ]
    sittings = [*agreeing, own]
    weights = [each.spread**-2 for each in sittings]
    logs = (w * math.log(each.ms) for w, each in zip(weights, sittings, strict=True))
    total, count = sum(weights), len(sittings)
    variance = (1 - _SHARED + _SHARED * count) / total
    return JoinedSittings(math.exp(sum(logs) / total), math.sqrt(variance), count)


def expected_spread(of_blocks: float, slowdown: float, share_lost: float) -> float:
    """Return the standard deviation, of the logarithm, of one sitting's estimate.

    Args:
        of_blocks: what the blocks say about their median.
        slowdown: median slowdown of the reference beside them.
        share_lost: of the time that the network's thread did not run.
    """
    disturbed = _PER_SLOWDOWN * abs(math.log(slowdown)), _PER_SHARE_LOST * share_lost
    return math.hypot(of_blocks, _QUIET, *disturbed)


class MeasurementHistory:
    """The sittings of one environment and number of threads, over a month.

    A history that cannot be read or written is empty, and raises nothing. Of two processes that
    write at once, one loses its entries.

    Args:
        environment: fingerprint of the environment.
        threads: intra-op threads.
        folder: where it is kept; None takes the user's cache.
    """

    def __init__(self, environment: str, threads: int, folder: Path | None = None) -> None:
        kept = folder if folder is not None else cache_dir() / "latency"
        self._path = kept / f"history-{environment}-t{threads}.json"

    def spread(self, now: float | None = None) -> MachineSpread:
        """Return by how much sittings have differed so far."""
        return machine_spread(self.sittings(now))

    def sittings(self, now: float | None = None) -> list[PastMeasurement]:
        """Return what is kept, of all networks."""
        return self._read(time.time() if now is None else now)

    def add(self, sittings: Sequence[PastMeasurement]) -> None:
        """Keep what was measured."""
        kept = [*self._read(time.time()), *sittings][-_MOST:]
        with contextlib.suppress(OSError):
            write_json(self._path, [each.model_dump(mode="json") for each in kept])

    def _read(self, now: float) -> list[PastMeasurement]:
        try:
            kept = _Kept.validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            return []
        return [each for each in kept if 0 <= now - each.at <= _KEPT_S and each.ms > 0]


_Kept = TypeAdapter(list[PastMeasurement])


def machine_spread(sittings: Iterable[PastMeasurement]) -> MachineSpread:
    """Return by how much repeated measurements differ, over what was expected.

    The sums of squares of all networks about their means, in units of the expected variance, are
    pooled; the constants count as so many repetitions more (a scaled inverse chi-squared prior,
    Gelman et al. 2013, section 2.6).
    """
    of_network: dict[str, list[PastMeasurement]] = defaultdict(list)
    for each in sittings:
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
    return MachineSpread(math.sqrt(squares / freedom), freedom)


def _apart(sittings: Iterable[PastMeasurement]) -> list[PastMeasurement]:
    """Return the best known sitting of each moment; moments lie some minutes apart."""
    found: list[PastMeasurement] = []
    began = -math.inf
    for each in sorted(sittings, key=lambda sitting: sitting.at):
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
