"""The results that the end of a run adds to its study: final latencies, tests and notes."""

import math
from collections.abc import Mapping, Sequence

from archsearch.record import Aims, TrialRecord
from archsearch.run.final.front_evaluation import confirm_front
from archsearch.run.final.latency_confirmation import Publisher
from archsearch.run.status import Listener
from archsearch.search.study_store import LATENCY_NOTES, StudyStore

_FIELDS = {
    "final_latency",
    "more_final_latencies",
    "final_ratios",
    "test_accuracy",
    "quantization",
    "checkpoint",
    "time_share",
}


def confirm_and_keep(
    store: StudyStore,
    measurer: Publisher,
    aims: Aims | float | None,
    listener: Listener,
    *,
    further: Mapping[str, Publisher] | None = None,
    every: bool = False,
    patience_s: float = math.inf,
) -> tuple[TrialRecord, ...]:
    """Measure the front again, keep what was measured at once, and return the front that is left.

    See `archsearch.run.final.front_evaluation.confirm_front`.
    """
    done = confirm_front(
        store.records(),
        measurer,
        aims,
        listener,
        lambda measured: keep_finals(store, measured),
        further=further,
        every=every,
        patience_s=patience_s,
    )
    # drop the earlier note of a member that is confirmed now
    on_front = {str(record.number) for record in done.front}
    before = store.attribute(LATENCY_NOTES, {})
    kept = {number: note for number, note in before.items() if number not in on_front}
    texts = {str(number): note for number, note in done.notes.items()}
    store.set_attribute(LATENCY_NOTES, {**kept, **texts})
    for note in texts.values():
        listener.line(note)
    return done.front


def keep_finals(store: StudyStore, records: Sequence[TrialRecord]) -> None:
    """Store what the end of a run has added to ``records``."""
    added = {
        record.number: record.model_dump(mode="json", include=_FIELDS)
        for record in records
        if any(getattr(record, name) not in (None, "", {}) for name in _FIELDS)
    }
    if added:
        store.set_finals(added)


def add_notes(store: StudyStore, notes: Sequence[str], listener: Listener) -> None:
    """Add notes to the run, each once, and print them."""
    known = store.attribute("notes", [])
    store.set_attribute("notes", [*known, *(note for note in notes if note not in known)])
    for note in notes:
        listener.line(note)
