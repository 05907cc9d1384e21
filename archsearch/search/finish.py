"""The end of a run: the front measured again in quiet, then tested once on the test split."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from archsearch.analysis import pareto_front
from archsearch.errors import ArchsearchError
from archsearch.record import TrialRecord
from archsearch.search.gate import Gate
from archsearch.search.run_folder import RunFolder
from archsearch.search.status import Listener

logger = logging.getLogger(__name__)

#: test accuracy (0 to 1) of a record from its weights file
Tester = Callable[[TrialRecord, Path], float]


def confirm_front(
    records: Sequence[TrialRecord], gate: Gate, budget_ms: float | None, listener: Listener
) -> tuple[list[TrialRecord], list[str]]:
    """Measure every front member again in quiet until the front holds by final latencies alone.

    A member over the budget is dropped, which may bring others to the front: they are measured
    too. Members measured before keep their final latency.

    Returns:
        every record, the measured ones with ``final_latency``; and one line for each drop.
    """
    by_number = {record.number: record for record in records}
    notes: list[str] = []
    members: tuple[TrialRecord, ...] = ()
    while True:
        front = pareto_front(by_number.values(), budget_ms)
        left = {record.number for record in members} - {record.number for record in front}
        notes += [_why_left(by_number[number], front, budget_ms) for number in sorted(left)]
        members = front
        unknown = [record for record in front if record.final_latency is None]
        if not unknown:
            return [by_number[number] for number in sorted(by_number)], notes
        number = "1 front member" if len(unknown) == 1 else f"{len(unknown)} front members"
        listener.line(f"measuring {number} again in quiet")
        results = gate.confirm([record.arch for record in unknown])
        for record, result in zip(unknown, results, strict=True):
            by_number[record.number] = record.model_copy(update={"final_latency": result})


def _why_left(record: TrialRecord, front: Sequence[TrialRecord], budget_ms: float | None) -> str:
    measured = (
        f"trial {record.number} left the front: {record.latency_ms:.3g} ms when measured again"
    )
    if budget_ms is not None and (record.latency_ms or 0.0) > budget_ms:
        return f"{measured}, over the budget of {budget_ms:g} ms"
    better = [
        each.number
        for each in front
        if (each.accuracy or 0.0) >= (record.accuracy or 0.0)
        and (each.latency_ms or 0.0) <= (record.latency_ms or 0.0)
    ]
    return f"{measured}, no better than trial {better[0]}" if better else measured


def break_down(front: Sequence[TrialRecord], gate: Gate, listener: Listener) -> list[TrialRecord]:
    """Return the front with ``time_share``; members that have it keep it."""
    unknown = [record for record in front if not record.time_share]
    if not unknown:
        return list(front)
    try:
        shares = gate.time_shares([record.arch for record in unknown])
    except ArchsearchError as error:
        # a drawing without shares is no reason to lose a run
        listener.line(f"where the front's networks spend their time was not measured: {error}")
        return list(front)
    known = {record.number: share for record, share in zip(unknown, shares, strict=True)}
    return [
        record.model_copy(update={"time_share": known.get(record.number, record.time_share)})
        for record in front
    ]


def evaluate_front(
    front: Sequence[TrialRecord], folder: RunFolder, test: Tester | None
) -> tuple[list[TrialRecord], list[str]]:
    """Evaluate each front member once on the test split, from its kept weights.

    Args:
        front: its members.
        folder: of the run, which keeps the weights.
        test: evaluates one; None where there is no test split.

    Returns:
        the front with ``test_accuracy`` and ``checkpoint``; and one line for each member whose
        weights are missing.
    """
    tested, notes = [], []
    for record in front:
        path = folder.checkpoint(record.digest)
        if record.test_accuracy is not None and path.is_file():
            tested.append(record)
        elif path.is_file():
            checkpoint = path.relative_to(folder.path).as_posix()
            accuracy = test(record, path) if test is not None else None
            update = {"test_accuracy": accuracy, "checkpoint": checkpoint}
            tested.append(record.model_copy(update=update))
        else:
            tested.append(record.model_copy(update={"checkpoint": ""}))
            notes.append(f"trial {record.number}: its weights were not kept, so it is not tested")
    return tested, notes
