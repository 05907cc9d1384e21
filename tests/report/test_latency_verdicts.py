"""Three words for three verdicts, wherever a front is shown; and why a front is empty."""

import csv
import io
import json
from collections.abc import Callable

import pytest
from rich.console import Console

from archsearch.analysis import pareto_front
from archsearch.dashboard.notes import trial_note
from archsearch.export.description import latency_text
from archsearch.record import LatencyResult, RunRecord, TrialRecord
from archsearch.report import empty_front_lines, front_points, front_table
from archsearch.report.latency_verdicts import (
    disturbances,
    verdict_counts,
    verdict_line,
    verdict_remedy,
    why_not_steady,
)
from archsearch.report.layout import load_layout
from archsearch.report.notebook import run_frame
from archsearch.report.plain_table import written
from archsearch.report.run_comparison import compare_runs, comparison_points
from archsearch.report.run_page import render_page
from archsearch.report.run_sentences import headline
from archsearch.report.trial_data import trial_columns
from tests.report.synthetic_run import synthetic_run

VERDICTS = ("steady", "noisy", "rejected")
NAMES = {"first": "first measurement", "final": "final"}


def changed(latency: LatencyResult | None, verdict: str, known: bool = True) -> LatencyResult:
    assert latency is not None
    update = {"verdict": verdict} | ({} if known else {"interval_ms": None})
    return latency.model_copy(update=update)


@pytest.fixture(scope="module")
def mixed() -> RunRecord:
    """A front with a steady, a noisy, a rejected and an unmeasured final latency."""
    run = synthetic_run(60, seed=3, budget_ms=None)
    members = pareto_front(run.trials)[:4]
    assert len(members) == 4
    steady, noisy, rejected, missing = members
    trials = {
        steady.number: {"final_latency": changed(steady.final_latency, "steady")},
        noisy.number: {"final_latency": changed(noisy.final_latency, "noisy", known=False)},
        rejected.number: {"final_latency": changed(rejected.final_latency, "rejected")},
        missing.number: {"final_latency": None, "latency": changed(missing.latency, "noisy")},
    }
    changed_trials = tuple(
        trial.model_copy(update=trials.get(trial.number, {})) for trial in run.trials
    )
    return run.model_copy(
        update={"trials": changed_trials, "front": tuple(each.number for each in members)}
    )


def terminal(run: RunRecord, width: int = 200) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(front_table(run))
    return out.getvalue()


def as_csv(run: RunRecord) -> str:
    return written([front_table(run)], "csv")


def notes(run: RunRecord) -> str:
    chosen = [trial for trial in run.trials if trial.number in run.front]
    return "\n".join(trial_note(each.number, each.to_dict(), run.aims) for each in chosen)


#: everything that shows a front
RENDERERS: dict[str, Callable[[RunRecord], str]] = {
    "terminal": terminal,
    "narrow terminal": lambda run: terminal(run, 80),
    "json": lambda run: json.dumps(front_points(run)),
    "csv": as_csv,
    "markdown": lambda run: written([front_table(run)], "md"),
    "latex": lambda run: written([front_table(run)], "latex"),
    "notebook": lambda run: front_table(run)._repr_html_(),
    "page": lambda run: render_page(run, load_layout("search")),
    "card": lambda run: " ".join(map(str, trial_columns(run)["words"])),
    "dashboard": notes,
    "comparison": lambda run: json.dumps(comparison_points(compare_runs([run, run]))),
}


@pytest.mark.parametrize("name", RENDERERS)
def test_every_renderer_of_a_front_has_the_three_words(name: str, mixed: RunRecord) -> None:
    text = RENDERERS[name](mixed)
    for word in VERDICTS:
        assert word in text, word
    assert "confirmed" in text


@pytest.mark.parametrize("name", RENDERERS)
def test_no_latency_interval_is_called_95(name: str, mixed: RunRecord) -> None:
    for line in RENDERERS[name](mixed).splitlines():
        if "95 %" in line and len(line) < 400:
            assert "laten" not in line.lower()


def test_the_notebook_and_exports_say_the_verdict(mixed: RunRecord) -> None:
    pytest.importorskip("pandas")
    frame = run_frame(mixed).loc[list(mixed.front)]
    assert frame["latency_confirmed"].tolist() == [True, True, False, False]
    for verdict in VERDICTS:
        latency = changed(mixed.trials[mixed.front[0]].latency, verdict, known=False)
        assert verdict in latency_text(latency)
        assert "spread unknown" in latency_text(latency)


def test_front_points_say_what_is_known(mixed: RunRecord) -> None:
    points = front_points(mixed)
    assert [each["latency_final_verdict"] for each in points] == [
        "steady",
        "noisy",
        "rejected",
        None,
    ]
    assert [each["latency_confirmed"] for each in points] == [True, True, False, False]
    # a rejected measurement is not the number that is shown
    by_number = {trial.number: trial for trial in mixed.trials}
    assert points[2]["latency_ms"] == by_number[points[2]["trial"]].latency.median_ms
    assert points[1]["latency_interval_ms"] is None
    rows = list(csv.DictReader(io.StringIO(as_csv(mixed))))
    assert rows[1]["latency_interval_ms_low"] == ""
    assert "latency_interval_ms" not in rows[1]


def test_the_banner_counts_and_says_what_to_do(mixed: RunRecord) -> None:
    assert verdict_counts(mixed) == {
        "steady": 1,
        "noisy": 1,
        "not_confirmed": 2,
        "rejected": 1,
        "total": 4,
    }
    line = "Of 4 latencies of the front: 1 steady, 1 noisy, 2 not confirmed (1 rejected)."
    assert verdict_line(mixed) == line
    assert verdict_remedy(mixed, "runs/a b").endswith("archsearch front 'runs/a b' --measure")
    page = render_page(mixed, load_layout("search"))
    assert line in page
    assert page.index(line) < page.index("figure-front")
    only = mixed.model_copy(update={"front": mixed.front[1:2]})
    assert verdict_remedy(only, "r").endswith("archsearch front r --measure --all")
    good = mixed.model_copy(update={"front": mixed.front[:1]})
    assert verdict_line(good) == "The latency of the front is steady."
    assert verdict_remedy(good) == ""


def test_the_width_of_zero_that_was_once_written_reads_as_unknown() -> None:
    steady = synthetic_run(5, seed=0).trials[0].latency
    assert steady is not None
    old = steady.model_dump(mode="json") | {"verdict": "rejected", "interval_ms": [51.8, 51.8]}
    assert LatencyResult.model_validate(old).interval_ms is None
    assert LatencyResult.model_validate(LatencyResult.model_validate(old).to_dict()) is not None


def only(run: RunRecord, state: str, reason: str = "") -> RunRecord:
    trials = tuple(
        trial.model_copy(update={"state": state, "reason": reason}) for trial in run.trials
    )
    return run.model_copy(update={"trials": trials, "front": ()})


def over(trial: TrialRecord) -> TrialRecord:
    latency = changed(trial.latency, "steady").model_copy(
        update={"median_ms": 9.0, "interval_ms": (8.5, 9.5)}
    )
    return trial.model_copy(update={"state": "complete", "accuracy": 0.5, "final_latency": latency})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda run: run.model_copy(update={"trials": ()}), "none has been proposed"),
        (
            lambda run: only(run, "infeasible", "over budget: 7 ms"),
            "over a budget and never trained",
        ),
        (lambda run: only(run, "failed", "loss became NaN"), "loss became NaN"),
        (lambda run: only(run, "pruned"), "stopped before the last epoch"),
        (
            lambda run: run.model_copy(update={"trials": tuple(map(over, run.trials))}),
            "takes longer than the budget of 5 ms when measured on a quiet machine; the fastest "
            "is trial 0, 9.00 ms (8.50 to 9.50, steady)",
        ),
    ],
)
def test_an_empty_front_says_why_and_what_to_do(
    make: Callable[[RunRecord], RunRecord], words: str
) -> None:
    run = make(synthetic_run(6, seed=0).model_copy(update={"front": ()}))
    lines = empty_front_lines(run)
    assert lines[0].startswith("The front is empty")
    assert words in " ".join(lines)
    assert "What to do" in lines[-1]
    assert lines[0] in terminal(run, 400)
    assert "What to do" in render_page(run, load_layout("search"))


def test_the_headline_counts_what_may_be_over_budget() -> None:
    run = synthetic_run(60, seed=3, budget_ms=5.0)
    assert "over budget" not in headline(run)
    slow = run.front[:2]
    guess = {"verdict": "rejected", "median_ms": 9.0, "interval_ms": None}

    def guessed(trial: TrialRecord) -> TrialRecord:
        assert trial.latency is not None
        latency = trial.latency.model_copy(update=guess)
        return trial.model_copy(update={"latency": latency, "final_latency": None})

    trials = tuple(guessed(each) if each.number in slow else each for each in run.trials)
    found = headline(run.model_copy(update={"trials": trials}))
    assert "on the front within 5 ms (2 of them may be over budget); the best" in found


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"others_cores": 1.4}, "While it was measured, other processes kept 1.4 cores busy."),
        ({"steal_share": 0.12}, "the host of this virtual machine gave 12.0 % of its time"),
        ({"interval_ms": None}, "too few inferences to know the spread"),
        ({"others_cores": 0.1}, "Nothing disturbed the machine."),
        ({"reference_drift": 0.15}, "Nothing disturbed the machine."),
        ({"reference_drift": 0.33}, "the processor ran 33 % slower than in quiet today."),
    ],
)
def test_why_a_latency_is_noisy_in_the_words_of_the_banner(
    known: dict[str, object], words: str
) -> None:
    latency = synthetic_run(5, seed=0).trials[0].latency
    assert latency is not None
    noisy = changed(latency, "noisy").model_copy(update=known)
    assert words in why_not_steady([noisy])
    assert why_not_steady([changed(latency, "steady").model_copy(update=known)]) == ""
    if "others_cores" in known and known["others_cores"] == 1.4:
        assert disturbances([noisy]) in why_not_steady([noisy])
