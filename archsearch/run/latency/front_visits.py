"""Front members whose latency is measured again while a search goes on."""

import math
import time
from collections.abc import Callable, Iterable

from archsearch.analysis import pareto_front
from archsearch.arch import Arch
from archsearch.record import Aims, TrialRecord

#: measurements nearer to each other see the same machine, and tell nothing of another hour
_APART_S = 300.0
#: visits in one pause of the training, and of all time since the search began
_MOST_AT_ONCE = 2
_MOST_OF_TIME = 0.02


class FrontVisits:
    """Chooses which front members to visit in a pause.

    Training pauses for first measurements anyway. A front member that was last measured some
    minutes ago is measured again then, the longest unvisited first; the probe joins what it takes
    with earlier measurements, so its latency is the better known the longer it stays on the front.

    Args:
        aims: what the front trades off.
        records: of earlier sessions.
        clock: seconds.
    """

    def __init__(
        self,
        aims: Aims,
        records: Iterable[TrialRecord] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._aims, self._clock = aims, clock
        self._front = pareto_front(records, aims)
        self._measured: dict[str, float] = {}
        self._began = clock()
        self._spent_s = 0.0

    def add(self, record: TrialRecord) -> None:
        """Take note of a finished trial."""
        self._front = pareto_front([*self._front, record], self._aims)

    def seen(self, arch: Arch) -> None:
        """Take note that a network was measured."""
        self._measured[arch.digest] = self._clock()

    def spent(self, seconds: float) -> None:
        """Take note of what visits took."""
        self._spent_s += seconds

    def due(self) -> list[Arch]:
        """Return the networks to measure in this pause."""
        now = self._clock()
        if self._spent_s > _MOST_OF_TIME * (now - self._began):
            return []
        last = {
            each.number: self._measured.get(each.arch.digest, -math.inf) for each in self._front
        }
        waiting = [each for each in self._front if now - last[each.number] >= _APART_S]
        waiting.sort(key=lambda record: last[record.number])
        return [record.arch for record in waiting[:_MOST_AT_ONCE]]
