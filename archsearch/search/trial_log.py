"""The log of trials by configuration; the only writer of results to the study."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from archsearch.search.evaluation import Evaluation
from archsearch.search.patience import Patience
from archsearch.search.rungs import Rungs
from archsearch.search.study_store import StudyStore

#: objectives of a trial, smaller is better; None where it has none to compare
Point = Callable[[Evaluation], Sequence[float] | None]
#: user attributes that are kept with a trial, plain data
Attributes = Callable[[Evaluation], Mapping[str, Any]]


class TrialLog:
    """Keeps trials, and records them in the study.

    Args:
        store: the study.
        rungs: fidelities; one for a search without.
        patience: follows the hypervolume.
        point: reads the objectives of a trial.
        attributes: what to keep with a trial.

    Attributes:
        counts: configurations by state, of each the latest.
        trials: in the order of their results, repeats left out.
    """

    def __init__(
        self,
        store: StudyStore,
        rungs: Rungs,
        patience: Patience,
        point: Point,
        attributes: Attributes,
    ) -> None:
        self._store = store
        self._rungs = rungs
        self._patience = patience
        self._point = point
        self._attributes = attributes
        self._latest: dict[str, Evaluation] = {}
        self._by_candidate: dict[int, Evaluation] = {}
        self._waiting: dict[str, list[int]] = {}
        self.counts: Counter[str] = Counter()
        self.trials: list[Evaluation] = []

    @property
    def latest(self) -> list[Evaluation]:
        """The latest trial of every configuration, by number."""
        return sorted(self._latest.values(), key=lambda each: each.number)

    @property
    def evaluated(self) -> int:
        """Number of configurations that were evaluated, however that ended."""
        return self.counts["complete"] + self.counts["pruned"] + self.counts["failed"]

    def known(self, digest: str) -> Evaluation | None:
        """Return the latest trial of a configuration; None where there is none."""
        return self._latest.get(digest)

    def promotion(self, at_least: int = 0, is_last: bool = False) -> tuple[Evaluation, int] | None:
        """Return the paused trial that goes on now, and to which rung; None for none.

        Args:
            at_least: of a rung that go on, however few are there.
            is_last: no new candidate begins any more.
        """
        found = self._rungs.next(at_least, is_last)
        return None if found is None else (self._by_candidate[found[0]], found[1])

    def tell(self, evaluation: Evaluation) -> None:
        """Record the end of a trial in the study, and of its duplicates that waited for it."""
        self._store.tell(evaluation, self._attributes(evaluation))
        self.add(evaluation)
        for number in self._waiting.pop(evaluation.digest, []):
            self._store.tell_repeat(number, evaluation, reuse=True)

    def wait_for(self, digest: str, number: int) -> None:
        """Let trial ``number``, a duplicate, wait for a configuration that is being evaluated."""
        self._waiting.setdefault(digest, []).append(number)

    def put_back(self, evaluation: Evaluation) -> None:
        """Leave a proposal to a later session; its duplicates that waited for it have no result."""
        self._store.put_back(evaluation)
        for number in self._waiting.pop(evaluation.digest, []):
            self._store.tell_repeat(number, evaluation, reuse=False)

    def add(self, evaluation: Evaluation) -> None:
        """Add a trial of the study."""
        before = self._latest.get(evaluation.digest)
        self._latest[evaluation.digest] = evaluation
        self._by_candidate[evaluation.candidate] = evaluation
        self.trials.append(evaluation)
        self.counts[evaluation.state] += 1
        if before is not None:
            # it was paused, and went on
            self.counts[before.state] -= 1
        if evaluation.state == "infeasible":
            return
        point = self._point(evaluation)
        if evaluation.is_evaluated:
            self._rungs.tell(evaluation.candidate, evaluation.rung, point, evaluation.feasible)
        is_last = evaluation.rung == len(self._rungs) - 1
        # below the last rung nothing gains: patience begins with the first full result
        if evaluation.rung == 0 and (self._patience.has_points or len(self._rungs) == 1):
            self._patience.count()
        if point is not None and evaluation.feasible and is_last and evaluation.state == "complete":
            self._patience.tell(point)
