"""Rungs of a run: after which epochs candidates are paused, and which of them go on."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from archsearch.errors import InputError, Problem
from archsearch.record import LatencyResult, TrialRecord
from archsearch.search.rungs import Rungs


class Promotion:
    """Follows the candidates of a run through its rungs; told by records, it needs no memory.

    Accuracy at the epochs of a rung and the measured latency decide; see `Rungs`.

    Args:
        epochs: of the rungs, increasing; the last is that of a whole training.
        share: of the candidates at a rung that go on; None for the ratio of the two epochs.
    """

    def __init__(self, epochs: Sequence[int], share: float | None = None) -> None:
        self.epochs = tuple(epochs)
        self._rungs = Rungs(self.epochs, share)
        self._digests: list[str] = []
        self._candidates: dict[str, int] = {}
        self._told: Counter[str] = Counter()

    def tell(self, record: TrialRecord) -> None:
        """Take in what a candidate showed at the rungs that it has reached since."""
        if record.latency is None or not (record.curve or record.state == "failed"):
            return
        for rung in range(self._told[record.digest], len(self.epochs)):
            reached = len(record.curve) >= self.epochs[rung]
            if not reached and record.state != "failed":
                return
            point = None
            if reached:
                accuracy = record.curve[self.epochs[rung] - 1].accuracy
                point = (-accuracy, _counted_ms(record, record.latency))
            self._rungs.tell(self._candidate(record.digest), rung, point)
            self._told[record.digest] += 1
            if point is None:
                return

    def next(self, at_least: int = 0) -> tuple[str, int] | None:
        """Return the digest of the candidate that goes on now, and to which rung, or None.

        Args:
            at_least: of a rung that go on, however few are there.
        """
        found = self._rungs.next(at_least)
        if found is None:
            return None
        candidate, rung = found
        self._rungs.begin(candidate, rung)
        return self._digests[candidate], rung

    def _candidate(self, digest: str) -> int:
        if digest not in self._candidates:
            self._candidates[digest] = len(self._digests)
            self._digests.append(digest)
        return self._candidates[digest]


def _counted_ms(record: TrialRecord, latency: LatencyResult) -> float:
    """Return the latency that a candidate is compared by: a guess may not keep it back.

    Of a guess that is the lower end of its interval, else what the latency table expects.
    """
    if latency.claimed_ms is not None:
        return latency.claimed_ms
    return record.predicted.ms if record.predicted is not None else 0.0


def promotion_of(rungs: Sequence[int] | None, share: float | None, epochs: int) -> Promotion | None:
    """Return what follows the rungs of a run; None for a run without.

    Args:
        rungs: epochs after which candidates are paused; that of a whole training may be left out.
        share: of the candidates at a rung that go on.
        epochs: of a whole training.

    Raises:
        InputError: the rungs do not increase, or do not fit the epochs.
    """
    if not rungs:
        if share is not None:
            raise InputError(Problem("--promote", "needs --rungs", remedy="e.g. --rungs 2,6"))
        return None
    below = [rung for rung in rungs if rung != epochs]
    problems = [
        Problem("--rungs", f"must be below the {epochs} epochs of a whole training", rung)
        for rung in below
        if rung > epochs
    ]
    if any(low >= high for low, high in pairwise(rungs)):
        problems.append(Problem("--rungs", "must increase", list(rungs), "e.g. --rungs 2,6"))
    if problems:
        raise InputError(problems)
    return Promotion((*below, epochs), share) if below else None
