"""The evaluation of the final front: latency on a quiet machine, then the test split, once."""

import logging
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from archsearch.analysis import pareto_front
from archsearch.errors import ArchsearchError
from archsearch.record import FIRST_TARGET, Aims, LatencyRatio, LatencyResult, TrialRecord
from archsearch.run.final.front_notes import confirmed_at, why_left, why_open
from archsearch.run.final.latency_confirmation import Publisher, measure_to_publish
from archsearch.run.latency.joint_measurement import Outcome
from archsearch.run.latency.measurement import LatencyMeasurer
from archsearch.run.run_folder import RunFolder
from archsearch.run.status import Listener

logger = logging.getLogger(__name__)

#: what the test split shows of a record, from its weights file: fields of the record
Tester = Callable[[TrialRecord, Path], Mapping[str, object]]
#: stores records whose final latency is new
Keep = Callable[[Sequence[TrialRecord]], None]


@dataclass(frozen=True)
class Confirmed:
    """The result of measuring a front again.

    Attributes:
        records: every record, the measured ones with ``final_latency``.
        front: those that are left on the front.
        notes: by trial number a line on each that left the front, was not confirmed, or may be
            over the budget.
    """

    records: tuple[TrialRecord, ...]
    front: tuple[TrialRecord, ...]
    notes: Mapping[int, str] = field(default_factory=dict)


def confirm_front(
    records: Sequence[TrialRecord],
    measurer: Publisher,
    aims: Aims | float | None,
    listener: Listener,
    keep: Keep = lambda records: None,
    *,
    further: Mapping[str, Publisher] | None = None,
    every: bool = False,
    patience_s: float = math.inf,
) -> Confirmed:
    """Measure every front member again on a quiet machine until the front holds by final latencies.

    A member that a measurement puts over the budget is dropped, which may bring others to the
    front: they are measured too. A measurement that failed or was rejected drops nothing: the
    member stays with what was known before.

    Args:
        records: of the run.
        measurer: measures at the first target.
        aims: what the front trades off, and its budgets; a number is the budget of the first
            target.
        listener: shows what happens.
        keep: stores what was measured, as soon as it is.
        further: what measures at further targets, by the name of their objective.
        every: measure those again too that were confirmed, or left the front, before.
        patience_s: longest time for repetitions on a busy machine, each time.
    """
    aims = Aims.of(aims)
    measurers = {FIRST_TARGET: measurer, **(further or {})}
    by_number = {record.number: record for record in records}
    outcomes: dict[int, dict[str, Outcome]] = {}
    left: dict[int, str] = {}
    members: tuple[TrialRecord, ...] = ()
    while True:
        front = pareto_front(by_number.values(), aims)
        gone = {record.number for record in members} - {record.number for record in front}
        left |= {number: why_left(by_number[number], front, aims) for number in gone}
        members = front
        unknown = [
            record.number
            for record in (_ever_members(by_number.values(), front) if every else front)
            if record.number not in outcomes and (every or not record.is_confirmed)
        ]
        if not unknown:
            break
        number = "1 front member" if len(unknown) == 1 else f"{len(unknown)} front members"
        for name, each in measurers.items():
            at = "" if name == FIRST_TARGET else f", at {name}"
            listener.line(f"measuring {number} again while nothing trains{at}")
            archs = [by_number[number].arch for number in unknown]
            found = measure_to_publish(each, archs, listener, patience_s)
            before = dict(by_number)
            for known, outcome in zip(unknown, found.outcomes, strict=True):
                outcomes.setdefault(known, {})[name] = outcome
                by_number[known] = _measured(by_number[known], name, outcome)
            replaced = {number for number in unknown if by_number[number] is not before[number]}
            by_number |= _with_ratios(by_number, name, replaced, unknown, found.ratios)
            keep(
                [
                    record
                    for number, record in by_number.items()
                    if number in unknown or record is not before[number]
                ]
            )
    on_front = {record.number for record in front}
    notes = {number: note for number, note in left.items() if number not in on_front}
    for record in front:
        last = {name: outcomes.get(record.number, {}).get(name) for name in measurers}
        if note := why_open(record, last, aims):
            notes[record.number] = note
    everyone = tuple(by_number[number] for number in sorted(by_number))
    return Confirmed(everyone, front, dict(sorted(notes.items())))


def _measured(record: TrialRecord, name: str, outcome: Outcome) -> TrialRecord:
    """Return a record with a final measurement, unless a better one is known."""
    if not isinstance(outcome, LatencyResult) or (outcome.is_guess and confirmed_at(record, name)):
        return record
    if name == FIRST_TARGET:
        return record.model_copy(update={"final_latency": outcome})
    finals = {**record.more_final_latencies, name: outcome}
    return record.model_copy(update={"more_final_latencies": finals})


def _with_ratios(
    records: Mapping[int, TrialRecord],
    name: str,
    replaced: Collection[int],
    numbers: Sequence[int],
    ratios: Mapping[tuple[int, int], LatencyRatio],
) -> dict[int, TrialRecord]:
    """Return the records whose ratios at a target change by new final latencies.

    Ratios to a latency that is replaced belong to another measurement: they go. New ones come where
    both latencies of a pair are new.

    Args:
        records: by number.
        name: of the latency.
        replaced: numbers of the trials whose final latency is new.
        numbers: of the trials that were measured.
        ratios: by places in ``numbers``.
    """
    new: dict[int, dict[int, LatencyRatio]] = {number: {} for number in replaced}
    for (index, base), ratio in ratios.items():
        one, other = numbers[index], numbers[base]
        if one in replaced and other in replaced:
            new[one][other], new[other][one] = ratio, ratio.inverse()
    changed = {}
    for number, record in records.items():
        known = record.final_ratios.get(name, {})
        kept = new.get(number, {each: known[each] for each in known if each not in replaced})
        if kept != known:
            found = {**record.final_ratios, name: kept}
            changed[number] = record.model_copy(
                update={"final_ratios": {key: each for key, each in found.items() if each}}
            )
    return changed


def _ever_members(
    records: Iterable[TrialRecord], front: Sequence[TrialRecord]
) -> list[TrialRecord]:
    """Return the front, and what was measured for it and has left it."""
    on_front = {record.number for record in front}
    left = [
        record
        for record in records
        if record.final_latency is not None
        and record.state == "complete"
        and record.number not in on_front
    ]
    return [*front, *left]


def break_down(
    front: Sequence[TrialRecord], measurer: LatencyMeasurer, listener: Listener
) -> list[TrialRecord]:
    """Return the front with ``time_share``; members that have it keep it."""
    unknown = [record for record in front if not record.time_share]
    if not unknown:
        return list(front)
    try:
        shares = measurer.time_shares([record.arch for record in unknown])
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
        the front with what ``test`` found and ``checkpoint``; and one line for each member whose
        weights are missing.
    """
    tested, notes = [], []
    for record in front:
        path = folder.checkpoint(record.digest)
        if record.test_accuracy is not None and path.is_file():
            tested.append(record)
        elif path.is_file():
            checkpoint = path.relative_to(folder.path).as_posix()
            found = test(record, path) if test is not None else {}
            tested.append(record.model_copy(update={**found, "checkpoint": checkpoint}))
        else:
            tested.append(record.model_copy(update={"checkpoint": ""}))
            notes.append(f"trial {record.number}: its weights were not kept, so it is not tested")
    return tested, notes
