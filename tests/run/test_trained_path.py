"""`archsearch explain --path`: planned by the model, trained with paired seeds, told in words."""

import itertools
import json

import numpy as np
import pytest

from archsearch.analysis.path_comparison import path_gains
from archsearch.cli.app import main
from archsearch.errors import RunError
from archsearch.report import write_explanation
from archsearch.report.path_findings import path_rows, path_sentences, path_table
from archsearch.run import Execution, explain, train_path
from archsearch.run.explanation import evidence
from archsearch.run.extra_trainings import read_extra_trainings
from archsearch.run.run_folder import RunFolder
from archsearch.run.trained_path import planned_path
from tests.run.made_run import SPACE, made_tiny_run
from tests.run.test_explained_trainings import INLINE, Lines, trained_run


def test_the_plan_makes_every_choice_once_and_ends_at_the_trial(tmp_path):
    folder = made_tiny_run(tmp_path / "made", 36)
    known = evidence(RunFolder(folder), "best", "median")
    steps = planned_path(known, SPACE)
    made = [name for step in steps for name in step.choices]
    assert sorted(made) == sorted(known.path.players)
    assert steps[-1].params == known.path.target
    for before, after in itertools.pairwise([known.path.baseline, *(s.params for s in steps)]):
        assert before != after
        assert SPACE.problems(after) == []
    # the largest planted gain comes first, and the model expects about as much
    assert steps[0].choices == ("stages.1.attention",)
    assert steps[0].expected == pytest.approx(0.10, abs=0.02)
    total = known.explained().accuracy.attribution.total.value
    assert sum(step.expected for step in steps) == pytest.approx(total, abs=0.02)


def test_a_path_is_trained_kept_and_told(tmp_path, capsys):
    folder = trained_run(tmp_path)
    lines = Lines()
    found = train_path(folder, "best", "3", 2, INLINE, lines)
    networks = len(found.path.steps) + 1
    assert any(f"{2 * networks} trainings" in line for line in lines.said)
    # what is kept of the trainings gives the same gains
    kept: dict[str, dict[int, float]] = {}
    for each in read_extra_trainings(RunFolder(folder)):
        kept.setdefault(json.dumps(each.params, sort_keys=True), {})[each.seed] = each.accuracy
    known = evidence(RunFolder(folder), "best", "3")
    chain = [known.path.baseline, *(step.params for step in found.path.steps)]
    again = path_gains([kept[json.dumps(params, sort_keys=True)] for params in chain], 30)
    assert [e.value for e in again.steps] == pytest.approx(
        [e.value for e in found.path.gains.steps]
    )
    assert sum(e.value for e in again.steps) == pytest.approx(again.total.value)
    assert found.path.seeds == (1, 2)
    # the same command trains nothing again
    lines = Lines()
    repeated = train_path(folder, "best", "3", 2, INLINE, lines)
    assert not any("trainings" in line for line in lines.said)
    assert repeated.path.accuracies == found.path.accuracies
    # words, table and page
    rows = path_rows(found)
    assert [row.name for row in rows][-1] == "all steps"
    assert rows[-1].gain.value == pytest.approx(np.diff(found.path.accuracies).sum())
    (first, *_) = path_sentences(found)
    assert first.startswith("Trained with 2 seeds each, from ")
    assert len(path_table(found).values) == len(rows)
    page = write_explanation(found, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "one choice after the other" in page
    assert "all steps" in page
    assert path_table(explain(folder, "best", "3")) is None
    with pytest.raises(SystemExit) as ended:
        main(f"explain {folder} --against 3 --path --seeds 2 --executor inline --json -q".split())
    assert not ended.value.code
    tables = json.loads(capsys.readouterr().out)
    assert "all steps" in json.dumps(tables)


def test_without_time_there_is_no_path(tmp_path):
    folder = trained_run(tmp_path)
    hurried = Execution(executor="inline", time_limit_s=1e-9)
    with pytest.raises(RunError, match="not every step of the path has two networks with a seed"):
        train_path(folder, "best", "3", 2, hurried, Lines())
