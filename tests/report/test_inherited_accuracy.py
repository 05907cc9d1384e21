"""An accuracy with inherited weights is never told as one without."""

from typing import Any

import pytest

from archsearch.record import Inherited, RunRecord
from archsearch.report.baseline_columns import baseline_table
from archsearch.report.front_json import front_points
from archsearch.report.run_comparison import compare_runs, comparison_sentences
from archsearch.report.run_tables import front_table
from archsearch.report.trial_data import trial_columns
from tests.report.synthetic_run import synthetic_run


def run_with(inherit: str = "run") -> RunRecord:
    run = synthetic_run(30, name="inherits", baselines=True)
    donor = Inherited(source="trial 3", trial=3, digest="d" * 64, share=0.625)
    first = run.front[0]
    trials = tuple(
        trial.model_copy(update={"inherited": donor if trial.number == first else None})
        for trial in run.trials
    )
    identity = run.config.get("identity")
    known: dict[str, Any] = dict(identity) if isinstance(identity, dict) else {}
    config = {**run.config, "identity": {**known, "inherit": inherit}}
    return run.model_copy(update={"trials": trials, "config": config})


def test_the_front_says_who_inherited_from_whom() -> None:
    run = run_with()
    points = {point["trial"]: point for point in front_points(run)}
    own, *others = (points[number] for number in run.front)
    assert own["inherited_from"] == "trial 3"
    assert own["inherited_trial"] == 3
    assert own["inherited_share"] == 0.625
    assert own["inherited_digest"] == "d" * 64
    assert {other["inherited_from"] for other in others} == {None}
    table = front_table(run)
    assert "began with" in table.headings
    texts = {row[table.headings.index("began with")] for row in table.rows}
    assert texts == {"weights of trial 3 for 62.5 % of the parameters", "new weights"}
    assert any("not those of training from scratch" in note for note in table.notes)


def test_baselines_say_that_they_began_otherwise() -> None:
    table = baseline_table(run_with())
    assert table is not None
    assert "from scratch" in table.title
    assert any("began with inherited weights" in note for note in table.notes)
    table = baseline_table(run_with("none"))
    assert table is not None
    assert "scratch" not in table.title
    assert not any("inherited" in note for note in table.notes)


def test_a_run_from_scratch_says_nothing_of_it() -> None:
    run = synthetic_run(30)
    table = front_table(run)
    assert "began with" not in table.headings
    assert not any("scratch" in note for note in table.notes)
    assert {point["inherited_from"] for point in front_points(run)} == {None}


def test_the_page_has_it_with_every_trial() -> None:
    run = run_with()
    data = trial_columns(run)
    columns, words = data["columns"], data["words"]
    at = columns["number"].index(run.front[0])
    assert words[columns["origin"][at]].endswith("weights of trial 3 for 62.5 % of the parameters")
    assert sum("weights of" in words[place] for place in columns["origin"]) == 1


@pytest.mark.parametrize(("inherit", "is_said"), [("run", True), ("none", False)])
def test_a_comparison_says_that_starts_differ(inherit: str, is_said: bool) -> None:
    runs = [synthetic_run(30, name="scratch"), run_with(inherit)]
    said = [line for line in comparison_sentences(compare_runs(runs)) if "begin alike" in line]
    assert bool(said) == is_said
    if said:
        assert (
            "scratch trained from scratch, inherits began with inherited weights (run)" in said[0]
        )
