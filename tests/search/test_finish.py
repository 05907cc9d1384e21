"""The end of a run: what the second measurement of the front does to it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from archsearch.analysis import pareto_front
from archsearch.arch import Arch
from archsearch.record import LatencyResult, TrialRecord
from archsearch.search.finish import confirm_front, evaluate_front
from archsearch.search.run_folder import RunFolder
from tests.report.synthetic_run import synthetic_run
from tests.search.conftest import Recorder, result

#: trial: accuracy, latency at first, latency when measured again
MEASURED = {0: (0.90, 1.0, 1.0), 1: (0.92, 2.0, 3.6), 2: (0.94, 3.0, 3.0), 3: (0.96, 4.9, 5.2)}


def records(measured: Mapping[int, tuple[float, float, float]]) -> list[TrialRecord]:
    made = [trial for trial in synthetic_run(40, seed=1).trials if trial.state == "complete"]
    return [
        made[number].model_copy(
            update={
                "number": number,
                "accuracy": accuracy,
                "latency": result(first),
                "final_latency": None,
            }
        )
        for number, (accuracy, first, _) in measured.items()
    ]


class SecondGate:
    """Answers with the second latency of each trial; remembers what was measured."""

    def __init__(self, trials: Sequence[TrialRecord]) -> None:
        self.number_of = {trial.arch.digest: trial.number for trial in trials}
        self.measured: list[int] = []

    def confirm(self, archs: Sequence[Arch]) -> list[LatencyResult]:
        numbers = [self.number_of[arch.digest] for arch in archs]
        self.measured += numbers
        return [result(MEASURED[number][2]) for number in numbers]


def test_who_leaves_the_front_is_told_with_the_reason() -> None:
    trials = records(MEASURED)
    gate, listener = SecondGate(trials), Recorder()
    confirmed, notes = confirm_front(trials, gate, 5.0, listener)  # type: ignore[arg-type]
    assert [trial.number for trial in pareto_front(confirmed, 5.0)] == [0, 2]
    assert gate.measured == [0, 1, 2, 3]
    assert notes == [
        "trial 1 left the front: 3.6 ms when measured again, no better than trial 2",
        "trial 3 left the front: 5.2 ms when measured again, over the budget of 5 ms",
    ]
    assert listener.lines == ["measuring 4 front members again in quiet"]


def test_who_comes_to_the_front_by_that_is_measured_too() -> None:
    first = {number: MEASURED[number] for number in (0, 3)}
    trials = records({**first, 2: (0.94, 4.95, 3.0)})
    gate, listener = SecondGate(trials), Recorder()
    confirmed, notes = confirm_front(trials, gate, 5.0, listener)  # type: ignore[arg-type]
    assert gate.measured == [0, 3, 2]
    assert [trial.number for trial in pareto_front(confirmed, 5.0)] == [0, 2]
    assert len(notes) == 1
    # all known: nothing is measured a second time
    assert confirm_front(confirmed, gate, 5.0, listener)[1] == []  # type: ignore[arg-type]
    assert gate.measured == [0, 3, 2]


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
    tested, _ = evaluate_front([first], folder, lambda record, path: 0.25)
    assert tested[0].test_accuracy == 0.25
