"""What a killed search left in progress, so that the next session goes on at the same point.

A search is a sequence of steps: propose a batch, measure it, begin the evaluations that are wanted,
take a result. Each step is written down when it is done, in the notes of its trials. Proposals
depend on trials, notes and the seed alone, so what a killed process would have done next is what
the next one does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from archsearch.search.evaluation import Evaluation

#: notes of a trial: the batch that it was proposed in, as `Batch.note` writes it
BATCH = "batch"
#: first measurements, by target
LOOKS = "looks"
#: place in the order in which evaluations were begun
PLACE = "place"
#: its training has begun
TRAINING = "training"
#: what its training begins with, see `archsearch.record.Inherited`; None for new weights
INHERITED = "inherited"


@dataclass
class Batch:
    """Proposals that are measured together.

    Attributes:
        index: of the batch in the search.
        wanted: evaluations to begin.
        feasible_share: of candidates, when it was begun.
        in_vain: proposals in a row, before it, that needed no evaluation.
        trials: its candidates by digest.
        refused: its proposals that needed no evaluation.
        is_measured: whether nothing is proposed for it any more.
    """

    index: int
    wanted: int
    feasible_share: float
    in_vain: int
    trials: dict[str, Evaluation] = field(default_factory=dict)
    refused: int = 0
    is_measured: bool = False

    @property
    def note(self) -> dict[str, Any]:
        """What each of its proposals keeps."""
        return {BATCH: [self.index, self.wanted, self.feasible_share, self.in_vain]}

    def has(self, trial: Evaluation) -> bool:
        """Tell whether a trial was proposed in it."""
        return bool(trial.notes.get(BATCH, [None])[0] == self.index)


class LastBatch(NamedTuple):
    """The batch that was proposed last.

    Attributes:
        batch: without its trials; None before the first.
        is_open: whether no evaluation of it was begun.
        places: evaluations begun so far.
    """

    batch: Batch | None
    is_open: bool
    places: int


@dataclass(frozen=True)
class Interrupted:
    """Trials in progress, in the order of their numbers, and the batch that was proposed last."""

    trials: tuple[Evaluation, ...]
    last: LastBatch


NOTHING_INTERRUPTED = Interrupted((), LastBatch(None, False, 0))


def last_batch(notes: Mapping[int, Mapping[str, Any]], finished: Mapping[int, bool]) -> LastBatch:
    """Return the last batch of a study.

    Args:
        notes: of all trials, by number.
        finished: whether each has ended.
    """
    places = 1 + max((note[PLACE] for note in notes.values() if PLACE in note), default=-1)
    known = [note[BATCH] for note in notes.values() if note.get(BATCH)]
    if not known:
        return LastBatch(None, False, places)
    index, wanted, share, in_vain = max(known, key=lambda noted: noted[0])
    members = {n: note for n, note in notes.items() if note.get(BATCH, [None])[0] == index}
    refused = sum(finished[number] and LOOKS not in note for number, note in members.items())
    is_measured = any(LOOKS in note for note in members.values())
    batch = Batch(index, wanted, share, in_vain, {}, refused, is_measured)
    return LastBatch(batch, not any(PLACE in note for note in members.values()), places)
