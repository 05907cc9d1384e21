"""What is called the best keeps the budget; where nothing surely does, whoever names it says so."""

from types import SimpleNamespace

import pytest

from archsearch.analysis import best, choose, front_trials, progress
from archsearch.analysis.front_volume import Reference
from archsearch.cli.progress import describe
from archsearch.dashboard.notes import trial_note
from archsearch.record import Aims, LatencyResult, RunRecord, TrialRecord
from archsearch.report.front_data import front_info
from archsearch.report.layout import load_layout
from archsearch.report.run_columns import RUN_COLUMNS, RunRow
from archsearch.report.run_page import render_page
from archsearch.report.run_sentences import headline, sentences
from archsearch.report.trial_remarks import remarks
from archsearch.run.progress import RunProgress
from tests.analysis.made_records import latency, run, trial

BUDGET_MS = 10.0


def uncertain(median_ms: float) -> LatencyResult:
    """A guess: it shows neither that a budget is kept nor that it is not."""
    update = {"verdict": "rejected", "interval_ms": None}
    return latency(median_ms).model_copy(update=update)


def wide(low: float, median_ms: float, high: float) -> LatencyResult:
    update = {"verdict": "noisy", "interval_ms": (low, high)}
    return latency(median_ms).model_copy(update=update)


def of(number: int, accuracy: float, known: LatencyResult) -> TrialRecord:
    return trial(number, accuracy, 1.0).model_copy(update={"latency": known})


#: trials, and which of them is the best, and whether that one may be over the budget
CASES: dict[str, tuple[list[TrialRecord], int, bool]] = {
    "a guess far over": ([of(0, 0.9, uncertain(38.3)), of(1, 0.8, latency(6.0))], 1, False),
    "only guesses": ([of(0, 0.9, uncertain(38.3)), of(1, 0.8, uncertain(12.0))], 0, True),
    "an interval around it": (
        [of(0, 0.9, wide(9.0, 11.0, 13.0)), of(1, 0.8, latency(6))],
        1,
        False,
    ),
    "by its number within": ([of(0, 0.9, wide(9.0, 9.5, 10.5)), of(1, 0.8, latency(6))], 0, True),
    "sure": ([of(0, 0.9, latency(9.0)), of(1, 0.8, latency(6.0))], 0, False),
}


def made(trials: list[TrialRecord]) -> RunRecord:
    return run(*trials, budget_ms=BUDGET_MS)


@pytest.mark.parametrize("name", CASES)
def test_all_that_name_a_best_name_the_same(name: str) -> None:
    trials, expected, _ = CASES[name]
    record = made(trials)
    front = front_trials(record)
    assert {each.number for each in front} == {0, 1}, "both are on the front"
    top = best(front, record.aims)
    assert top is not None
    assert top.number == expected
    assert choose(record, "best").number == expected
    assert front_info(record).best == expected
    assert [n for n, words in remarks(record).items() if "best" in words] == [expected]
    assert f'"best":{expected}' in render_page(record, load_layout("search")).replace(" ", "")
    row = RunRow(record, None, 0)  # type: ignore[arg-type]
    (column,) = (each for each in RUN_COLUMNS if each.key == "best_latency_ms")
    assert column.value(row) == top.latency_ms


@pytest.mark.parametrize("name", CASES)
def test_an_uncertain_best_says_so(name: str) -> None:
    trials, expected, is_uncertain = CASES[name]
    record = made(trials)
    doubt = "may be over budget"
    reached = headline(record).split("the best reaches")[1]
    assert (doubt in reached) == is_uncertain
    assert ("over?" in remarks(record)[expected]) == is_uncertain
    row = RunRow(record, None, 0)  # type: ignore[arg-type]
    (column,) = (each for each in RUN_COLUMNS if each.key == "best_latency_ms")
    assert ("over?" in column.cell(row)) == is_uncertain
    note = trial_note(expected, trials[expected].model_dump(mode="json"), record.aims)
    assert (doubt in note) == is_uncertain


@pytest.mark.parametrize("name", CASES)
def test_the_progress_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trials, expected, is_uncertain = CASES[name]
    shown = []
    listener = SimpleNamespace(status=shown.append, line=lambda text: None)
    monkeypatch.setattr("archsearch.run.progress.record_of", lambda each: each)
    config = SimpleNamespace(
        aims=Aims.of(BUDGET_MS), execution=SimpleNamespace(trials=2, time_limit_s=None)
    )
    log = SimpleNamespace(
        latest=trials,
        evaluated=2,
        counts=dict.fromkeys(("complete", "pruned", "infeasible", "failed"), 0),
    )
    evaluator = SimpleNamespace(epochs=0, executor=None)
    RunProgress(config, evaluator, listener).show("searching", True, log)  # type: ignore[arg-type]
    line = describe(shown[0])
    assert f"best {100 * (trials[expected].accuracy or 0):.1f} % at" in line
    assert ("(may be over budget)" in line) == is_uncertain


@pytest.mark.parametrize("name", CASES)
def test_the_curve_of_the_best(name: str) -> None:
    trials, expected, _ = CASES[name]
    found = progress(trials, Reference(0.0, 100.0), BUDGET_MS)
    assert found.best_accuracy[-1] == trials[expected].accuracy


def test_the_sentences_name_the_end_of_the_front_and_the_best() -> None:
    trials, _, _ = CASES["a guess far over"]
    told = " ".join(sentences(made(trials)))
    assert "to trial 0 (90.0 %, 38.3 ms), which may be over budget" in told
    assert "the best within it is trial 1 (80.0 %, 6.00 ms)" in told
