"""The end of a run: what the second measurement of the front does to it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from archsearch.analysis import latency_neighbours, pareto_front
from archsearch.arch import Arch
from archsearch.cost.measured_network import Target
from archsearch.errors import ProbeError, RunError, TrialError
from archsearch.record import FIRST_TARGET, LatencyRatio, LatencyResult, TrialRecord
from archsearch.report.latency_verdicts import MAY_BE_OVER
from archsearch.report.run_sentences import headline
from archsearch.report.trial_remarks import remarks
from archsearch.run.final import latency_confirmation
from archsearch.run.final.front_evaluation import Confirmed, confirm_front, evaluate_front
from archsearch.run.final.latency_confirmation import WAITS_S
from archsearch.run.latency.joint_measurement import JointMeasurement, Outcome
from archsearch.run.run_folder import RunFolder
from tests.analysis.made_records import run as made_run
from tests.report.synthetic_run import synthetic_run
from tests.run.conftest import Recorder, result

#: trial: accuracy, latency at first, latency when measured again
MEASURED = {0: (0.90, 1.0, 1.0), 1: (0.92, 2.0, 3.6), 2: (0.94, 3.0, 3.0), 3: (0.96, 4.9, 5.2)}
BUDGET_MS = 5.0
_COMPLETE = [trial for trial in synthetic_run(60, seed=1).trials if trial.state == "complete"]


def trained(number: int, accuracy: float, first: LatencyResult) -> TrialRecord:
    """Return a candidate that was trained to the end."""
    update = {"number": number, "accuracy": accuracy, "latency": first, "final_latency": None}
    return _COMPLETE[number].model_copy(update=update)


def records(measured: Mapping[int, tuple[float, float, float]]) -> list[TrialRecord]:
    return [trained(number, *each[:1], result(each[1])) for number, each in measured.items()]


def guess(median_ms: float, ends: tuple[float, float] | None = None) -> LatencyResult:
    """Return a rejected measurement, of a single block unless its interval is given."""
    return result(median_ms).model_copy(update={"interval_ms": ends, "verdict": "rejected"})


class SecondGate:
    """Answers with the second latency of each trial; remembers what was measured."""

    def __init__(
        self, trials: Sequence[TrialRecord], finals: Mapping[int, Sequence[Outcome]] | None = None
    ) -> None:
        self.number_of = {trial.arch.digest: trial.number for trial in trials}
        self.measured: list[int] = []
        own = {number: [result(each[2])] for number, each in MEASURED.items()}
        self.finals = {number: list(each) for number, each in (finals or own).items()}

    def confirm(self, archs: Sequence[Target]) -> JointMeasurement:
        """Every ratio is that of the latencies, known to 5 %."""
        found: list[Outcome] = []
        for arch in archs:
            assert isinstance(arch, Arch)
            number = self.number_of[arch.digest]
            self.measured.append(number)
            queue = self.finals[number]
            found.append(queue.pop(0) if len(queue) > 1 else queue[0])
        known = [each.median_ms if isinstance(each, LatencyResult) else 1.0 for each in found]

        def ratio(index: int, base: int) -> LatencyRatio:
            value = known[index] / known[base]
            return LatencyRatio(value=value, interval=(value / 1.05, value * 1.05))

        return JointMeasurement.of(found, ratio)


def numbers(found: Sequence[TrialRecord]) -> list[int]:
    return [trial.number for trial in found]


def test_who_leaves_the_front_is_reported_with_the_reason() -> None:
    trials = records(MEASURED)
    measurer, listener = SecondGate(trials), Recorder()
    done = confirm_front(trials, measurer, BUDGET_MS, listener)
    assert numbers(done.front) == numbers(pareto_front(done.records, BUDGET_MS)) == [0, 2]
    assert measurer.measured == [0, 1, 2, 3]
    assert done.notes == {
        1: "trial 1 left the front: 3.6 ms when measured again, no better than trial 2",
        3: "trial 3 left the front: 5.2 ms when measured again, over the budget of 5 ms",
    }
    assert listener.lines == ["measuring 4 front members again while nothing trains"]


def test_who_comes_to_the_front_by_that_is_measured_too() -> None:
    first = {number: MEASURED[number] for number in (0, 3)}
    trials = records({**first, 2: (0.94, 4.95, 3.0)})
    measurer, listener = SecondGate(trials), Recorder()
    kept: list[list[int]] = []
    done = confirm_front(
        trials, measurer, BUDGET_MS, listener, lambda each: kept.append(numbers(each))
    )
    assert measurer.measured == [0, 3, 2]
    # what was measured is stored before anything else is
    assert kept == [[0, 3], [2]]
    assert numbers(done.front) == [0, 2]
    assert list(done.notes) == [3]
    # all known: nothing is measured a second time, unless that is asked for
    assert confirm_front(done.records, measurer, BUDGET_MS, listener).notes == {}
    assert measurer.measured == [0, 3, 2]
    confirm_front(done.records, measurer, BUDGET_MS, listener, every=True)
    assert measurer.measured == [0, 3, 2, 0, 2, 3]


def busy_machine() -> tuple[list[TrialRecord], dict[int, list[Outcome]]]:
    """Return a run as it ended beside a busy neighbour: all final measurements were rejected."""
    trials = [
        trained(number, accuracy, result(first).model_copy(update={"verdict": "noisy"}))
        for number, accuracy, first in ((0, 0.6, 0.93), (1, 0.7, 1.48), (2, 0.8, 1.53))
    ]
    wide = {0: guess(38.3), 1: guess(51.8), 2: guess(11.2, (10.4, 14.0))}
    return trials, {number: [each] for number, each in wide.items()}


def test_a_busy_machine_drops_nobody_and_is_asked_again() -> None:
    trials, finals = busy_machine()
    measurer, listener = SecondGate(trials, finals), Recorder()
    done = confirm_front(trials, measurer, 10.0, listener)
    assert [(each.number, each.latency_ms) for each in done.front] == [
        (0, 0.93),
        (1, 1.48),
        (2, 1.53),
    ]
    assert measurer.measured == [0, 1, 2] * (1 + len(WAITS_S))
    assert done.notes[1] == (
        "trial 1 stays on the front, not confirmed, with its first measurement of 1.48 ms "
        "(noisy): the final measurement was rejected (51.8 ms from 10 inferences beside "
        "a busy machine)"
    )
    # a later call, on a quiet machine, settles what is open; nothing else is measured again
    later = SecondGate(trials, {0: [result(0.9)], 1: [result(1.5)], 2: [guess(20.0)]})
    second = confirm_front(done.records, later, 10.0, listener)
    assert numbers([each for each in second.front if each.is_confirmed]) == [0, 1]
    assert list(second.notes) == [2]
    third = SecondGate(trials, {2: [result(12.0)]})
    last = confirm_front(second.records, third, 10.0, listener)
    assert third.measured == [2]
    assert numbers(last.front) == [0, 1]
    assert "over the budget of 10 ms" in last.notes[2]


@pytest.mark.parametrize(
    "failure",
    [
        ProbeError("the latency probe ended (exit code -9)"),
        TrialError("the network could not be measured: no memory"),
        RunError("training did not pause within 120 s"),
    ],
)
def test_what_cannot_be_measured_stays(failure: RunError | TrialError) -> None:
    trials = records(MEASURED)
    measurer = SecondGate(trials, {number: [failure] for number in MEASURED})
    done = confirm_front(trials, measurer, BUDGET_MS, Recorder())
    assert numbers(done.front) == [0, 1, 2, 3]
    assert not any(each.final_latency for each in done.records)
    assert all(str(failure) in note for note in done.notes.values())


def test_a_repetition_counts_as_soon_as_it_is_good() -> None:
    trials = records(MEASURED)
    finals: dict[int, list[Outcome]] = {
        0: [guess(9.0), result(1.1)],
        1: [ProbeError("gone"), guess(9.0), result(2.1)],
        2: [result(3.0)],
        3: [guess(9.0), ProbeError("gone")],
    }
    measurer = SecondGate(trials, finals)
    listener = Recorder()
    done = confirm_front(trials, measurer, BUDGET_MS, listener)
    assert measurer.measured == [0, 1, 2, 3, 0, 1, 3, 1, 3]
    assert [each.is_confirmed for each in done.front] == [True, True, True, False]
    # of what brought nothing, the rejected number is kept to be looked at
    assert done.front[3].final_latency == guess(9.0)
    assert done.front[3].latency_ms == 4.9
    assert listener.lines[1:] == [
        "try 2 of 3 for 3 latencies (2 rejected, 1 failed)",
        "try 3 of 3 for 2 latencies (2 rejected)",
    ]


def test_an_interval_across_the_budget_keeps_the_member_and_says_so() -> None:
    trials = records({0: MEASURED[0], 3: MEASURED[3]})
    across = result(5.2).model_copy(update={"interval_ms": (4.9, 5.6), "verdict": "noisy"})
    measurer = SecondGate(trials, {0: [result(1.0)], 3: [across]})
    done = confirm_front(trials, measurer, BUDGET_MS, Recorder())
    assert numbers(done.front) == [0, 3]
    assert done.notes == {
        3: "trial 3 stays on the front and may be over the budget of 5 ms: 5.2 ms (4.9 to 5.6, "
        "noisy)"
    }


def test_measuring_everything_again_never_forgets_a_good_measurement() -> None:
    trials = [
        each.model_copy(update={"final_latency": result(ms)})
        for each, ms in zip(records(MEASURED), (1.0, 2.0, 3.0, 4.9), strict=True)
    ]
    measurer = SecondGate(trials, {n: [guess(60.0, (50.0, 70.0))] for n in MEASURED})
    done = confirm_front(trials, measurer, BUDGET_MS, Recorder(), every=True)
    assert [each.latency_ms for each in done.front] == [1.0, 2.0, 3.0, 4.9]
    assert all("keeps its latency" in note for note in done.notes.values())


def any_latency(rng: np.random.Generator) -> LatencyResult:
    """Return a measurement of any verdict, with an interval or without."""
    verdict = str(rng.choice(["steady", "noisy", "rejected"]))
    median = float(rng.choice([0.5, 1.0, 2.0, 4.8, 5.1, 6.0, 40.0]))
    low, high = median * float(rng.uniform(0.8, 1.0)), median * float(rng.uniform(1.0, 1.3))
    ends = None if verdict != "steady" and rng.random() < 0.4 else (low, high)
    return result(median).model_copy(update={"verdict": verdict, "interval_ms": ends})


def any_outcome(rng: np.random.Generator) -> Outcome:
    failures = (ProbeError("gone"), TrialError("no memory"), RunError("no quiet"))
    kind = int(rng.integers(8))
    return failures[kind] if kind < len(failures) else any_latency(rng)


def why_gone(record: TrialRecord, done: Confirmed) -> bool:
    """The rule, written out: over the budget by a measurement, or beaten by a confirmed one."""
    final = record.final_latency
    measured = final is not None and final.verdict != "rejected"
    if measured and final.interval_ms is not None and final.interval_ms[0] > BUDGET_MS:
        return True
    if measured and final.verdict == "steady" and final.median_ms > BUDGET_MS:
        return True
    best = final if measured else record.latency
    assert best is not None
    mine = best.median_ms if best.verdict != "rejected" else (best.interval_ms or (0.0, 0.0))[0]
    return any(
        other.final_latency is not None
        and other.final_latency.verdict != "rejected"
        and other.accuracy >= record.accuracy
        and other.final_latency.median_ms <= mine
        and (other.accuracy > record.accuracy or other.final_latency.median_ms < mine)
        for other in done.records
    )


@pytest.mark.parametrize("seed", range(150))
def test_no_trained_member_vanishes_but_by_a_measurement(seed: int) -> None:
    rng = np.random.default_rng(seed)
    trials = []
    for number in range(int(rng.integers(1, 7))):
        first = any_latency(rng)
        while first.is_over(BUDGET_MS) or (not first.is_guess and first.median_ms > BUDGET_MS):
            first = any_latency(rng)
        trials.append(trained(number, float(rng.integers(5, 10)) / 10, first))
    finals = {trial.number: [any_outcome(rng) for _ in range(4)] for trial in trials}
    measurer = SecondGate(trials, finals)
    before = pareto_front(trials, BUDGET_MS)
    done = confirm_front(trials, measurer, BUDGET_MS, Recorder())
    # nobody who was trained is lost, with or without a final measurement
    assert numbers(done.records) == numbers(trials)
    assert numbers(done.front) == numbers(pareto_front(done.records, BUDGET_MS))
    by_number = {record.number: record for record in done.records}
    for member in before:
        if member.number not in numbers(done.front):
            assert why_gone(by_number[member.number], done), (seed, member.number)
            assert "left the front" in done.notes[member.number]
    for member in done.front:
        assert member.is_confirmed or "not confirmed" in done.notes[member.number]
        assert measurer.measured.count(member.number) <= 1 + len(WAITS_S)
    # the notes and the table name the same members over the budget, and dominated ones
    run = made_run(*done.records, budget_ms=BUDGET_MS)
    words = remarks(run)
    notes = {n for n, note in done.notes.items() if "may be over" in note}
    assert notes == {n for n, each in words.items() if MAY_BE_OVER in each}
    count = re.search(r"(?:(\d+) of them )?may be over budget", headline(run))
    assert (int(count[1] or 1) if count else 0) == len(notes)
    for one in done.front:
        said = [each for each in words[one.number] if "dominated" in each]
        better = {
            f"may be dominated by trial {other.number}"
            for other in done.front
            if other.accuracy >= one.accuracy
            and other.latency_ms <= one.latency_ms
            and (other.accuracy, other.latency_ms) != (one.accuracy, one.latency_ms)
        }
        assert set(said) <= better
        assert bool(said) == bool(better)
    if before and not done.front:
        assert all(record.known_latency.is_over(BUDGET_MS) for record in done.records)


def test_without_a_test_split_the_front_has_weights_and_no_test_accuracy(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    first, second = records(MEASURED)[:2]
    kept = folder.checkpoint(first.digest)
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"weights")
    tested, notes = evaluate_front([first, second], folder, None)
    assert [each.test_accuracy for each in tested] == [None, None]
    assert tested[0].checkpoint == kept.relative_to(tmp_path).as_posix()
    assert notes == [f"trial {second.number}: its weights were not kept, so it is not tested"]
    tested, _ = evaluate_front([first], folder, lambda record, path: {"test_accuracy": 0.25})
    assert tested[0].test_accuracy == 0.25


@pytest.mark.parametrize(("patience_s", "tries"), [(0.0, 1), (4.9, 1), (6.0, 2), (60.0, 3)])
def test_repetitions_are_bounded_by_the_time_they_take(
    patience_s: float, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Busy:
        calls = 0

        def confirm(self, archs):
            self.calls += 1
            return JointMeasurement(tuple(TrialError("beside a busy machine") for _ in archs))

    monkeypatch.setattr(latency_confirmation.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(latency_confirmation, "WAITS_S", (5.0, 15.0))
    measurer, listener = Busy(), Recorder()
    latency_confirmation.measure_to_publish(measurer, ["timm:resnet18"], listener, patience_s)
    assert measurer.calls == tries
    assert any("tries later" in line for line in listener.lines) == (tries < 3)


def ratios(record: TrialRecord) -> dict[int, float]:
    found = record.final_ratios.get(FIRST_TARGET, {})
    return {number: round(ratio.value, 3) for number, ratio in found.items()}


def test_members_keep_their_ratios_to_those_measured_with_them() -> None:
    trials = records({0: MEASURED[0], 1: (0.92, 2.0, 2.0), 2: MEASURED[2]})
    again = {0: [result(1.0), result(1.2)], 1: [result(2.0)], 2: [result(3.0)]}
    measurer = SecondGate(trials, again)
    done = confirm_front(trials, measurer, None, Recorder())
    by_number = {record.number: record for record in done.records}
    assert [ratios(by_number[number]) for number in range(3)] == [
        {1: 0.5, 2: 0.333},
        {0: 2.0, 2: 0.667},
        {0: 3.0, 1: 1.5},
    ]
    neighbours = latency_neighbours(done.front)
    assert [(each.trial, each.faster, each.verdict) for each in neighbours] == [
        (1, 0, "slower"),
        (2, 1, "slower"),
    ]
    # one of them in a measurement of its own: ratios to its former latency are no more
    open_again = [
        record.model_copy(update={"final_latency": None, "final_ratios": {}})
        if record.number == 0
        else record
        for record in done.records
    ]
    kept: list[list[int]] = []
    later = confirm_front(
        open_again, measurer, None, Recorder(), lambda each: kept.append(numbers(each))
    )
    by_number = {record.number: record for record in later.records}
    assert [ratios(by_number[number]) for number in range(3)] == [{}, {2: 0.667}, {1: 1.5}]
    assert kept == [[0, 1, 2]]
    assert [each.trial for each in latency_neighbours(later.front)] == [2]


def test_of_what_was_measured_again_only_pairs_of_one_measurement_have_ratios() -> None:
    """The second of three is rejected at first: its ratios go with its latency."""
    trials = records({0: MEASURED[0], 1: (0.92, 2.0, 2.0), 2: MEASURED[2]})
    finals = {0: [result(1.0)], 1: [guess(50.0), result(2.0)], 2: [result(3.0)]}
    done = confirm_front(trials, SecondGate(trials, finals), None, Recorder())
    by_number = {record.number: record for record in done.records}
    assert [ratios(by_number[number]) for number in range(3)] == [{2: 0.333}, {}, {0: 3.0}]
    assert TrialRecord.model_validate_json(by_number[0].model_dump_json()) == by_number[0]
