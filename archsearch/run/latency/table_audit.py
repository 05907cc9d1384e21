"""When the latency table may refuse a candidate unmeasured, and whether it is right."""

from collections.abc import Callable

from scipy.special import bdtrc

from archsearch.record import LatencyPrediction, LatencyResult
from archsearch.run.latency.run_table import ENOUGH_KNOWN

#: of the refusals, the first ones are measured nonetheless, and one each time their number has
#: doubled
_FIRST_AUDIT = 8
#: a measurement below this share of its prediction's lower end disproves the table
_FAR_BELOW = 0.8
#: of measured candidates, those below the interval of a table that is right; and the chance below
#: which that no longer explains their number
_BELOW_SHARE = 0.025
_CHANCE = 0.01


class TableAudit:
    """Lets predictions refuse, as long as they hold.

    A candidate is refused when its whole interval lies over the budget and most of its parts are
    known. Of those, the 8th, 16th, 32nd ... are measured all the same: one that keeps the budget,
    or lies far below its interval, ends refusals for good. All others that are measured count too:
    while more of them lie below their interval than chance explains, nothing is refused.

    Args:
        say: prints a line.

    Attributes:
        refused: candidates refused so far.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self.refused = 0
        self._next_audit = _FIRST_AUDIT
        self._audited: set[str] = set()
        self._is_disproved = False
        self._holds = True
        self._measured = 0
        self._below = 0

    def is_audited(self, digest: str) -> bool:
        """Return whether a candidate is measured although it would have been refused."""
        return digest in self._audited

    def refuses(self, digest: str, expected: LatencyPrediction, limit_ms: float) -> bool:
        """Return whether a candidate is refused by its prediction; count it if so."""
        if expected.interval_ms[0] <= limit_ms or expected.known_share < ENOUGH_KNOWN:
            return False
        if self._is_disproved or not self._holds:
            return False
        if self.refused + 1 >= self._next_audit:
            self._next_audit *= 2
            self._audited.add(digest)
            return False
        self.refused += 1
        return True

    def check(
        self,
        number: int,
        digest: str,
        expected: LatencyPrediction | None,
        latency: LatencyResult | None,
        limit_ms: float | None,
    ) -> None:
        """Hold the prediction of a trial against its measurement; a guess proves nothing."""
        if expected is None or latency is None or latency.is_guess:
            return
        low, high = expected.interval_ms
        self._count(is_below=latency.median_ms < low)
        if self._is_disproved or digest not in self._audited:
            return
        is_within = limit_ms is not None and latency.median_ms <= limit_ms
        if is_within or latency.median_ms < _FAR_BELOW * low:
            self._is_disproved = True
            self._say(
                f"trial {number} was expected to take {low:.3g} to {high:.3g} ms, and takes "
                f"{latency.median_ms:.3g}: from here on every candidate is measured"
            )

    def _count(self, *, is_below: bool) -> None:
        self._measured += 1
        self._below += is_below
        holds = _tail(self._measured, self._below, _BELOW_SHARE) >= _CHANCE
        if holds != self._holds and not self._is_disproved:
            follows = "it may refuse again" if holds else "it refuses nothing for now"
            self._say(
                f"{self._below} of {self._measured} candidates took less than the latency table's "
                f"interval says: {follows}"
            )
        self._holds = holds


def _tail(count: int, least: int, share: float) -> float:
    """Return the chance of at least ``least`` events of ``count``, each with chance ``share``."""
    return float(bdtrc(least - 1, count, share)) if least else 1.0
