"""One number for one thing: every place that shows the front leads with the same accuracy."""

import csv
import io
import json
import re

import numpy as np
import pytest

from archsearch.analysis import best, choose, front_trials, knee
from archsearch.dashboard.notes import trial_note
from archsearch.export.description import accuracy_text
from archsearch.percent import percent_text
from archsearch.record import SeedResult
from archsearch.report import FRONT_COLUMNS, front_points, front_table, headline, written
from archsearch.report.front_data import front_info
from archsearch.report.run_comparison import compare_runs, comparison_points
from tests.report.synthetic_run import synthetic_run
from tests.report.test_run_page import Tree, data_of, page_of
from tests.report.test_run_tables import printed


def _changed(run, change):
    """Return the run with the other seeds of each front member changed, by place on the front."""
    at = {number: place for place, number in enumerate(run.front)}
    trials = [
        trial.model_copy(update={"other_seeds": change(at[trial.number], trial.other_seeds)})
        if trial.number in at
        else trial
        for trial in run.trials
    ]
    return run.model_copy(update={"trials": tuple(trials)})


def _failed(place, seeds):
    """The most accurate member's other seeds all fail."""
    return seeds if place else tuple(SeedResult(seed=s.seed, reason="NaN") for s in seeds)


def _inverted(place, seeds):
    """Other seeds say the opposite of the search seed: the slower, the worse."""
    return tuple(s.model_copy(update={"accuracy": 0.95 - 0.03 * place}) for s in seeds)


RUNS = {
    "three seeds": lambda: synthetic_run(60, front_seeds=3),
    "one seed": lambda: synthetic_run(60, front_seeds=1),
    "no seeds": lambda: synthetic_run(60),
    "images unknown": lambda: synthetic_run(60, front_seeds=2, num_val=None),
    "nothing known": lambda: synthetic_run(60, num_val=None),
    "some seeds missing": lambda: _changed(
        synthetic_run(60, front_seeds=2), lambda place, seeds: seeds if place % 2 else ()
    ),
    "some seeds failed": lambda: _changed(synthetic_run(60, front_seeds=2), _failed),
    "the search seed was wrong": lambda: _changed(synthetic_run(60, front_seeds=2), _inverted),
}


@pytest.fixture(scope="module", params=RUNS)
def run(request):
    return RUNS[request.param]()


@pytest.fixture(scope="module")
def tree(run):
    return Tree(page_of(run))


def leading(trial):
    """The slow obvious twin: the mean of the other seeds, else the search seed."""
    others = [each.accuracy for each in trial.other_seeds if each.accuracy is not None]
    return float(np.mean(others)) if others else trial.accuracy


def numbers(text):
    return [float(each) for each in re.findall(r"\d+\.\d", text)]


def test_every_reading_of_the_table_leads_with_it(run):
    front = front_trials(run)
    wanted = [leading(trial) for trial in front]
    shown = [percent_text(value) for value in wanted]
    points = front_points(run)
    assert [point["accuracy"] for point in points] == pytest.approx(wanted)
    assert [point["accuracy_seeds"] for point in points] == [
        sum(each.accuracy is not None for each in trial.other_seeds) for trial in front
    ]
    table = front_table(run)
    at = table.headings.index("accuracy %")
    assert at == 1, "it leads"
    assert [row[at].split()[0] for row in table.rows] == shown
    for row in csv.DictReader(io.StringIO(written([table], "csv"))):
        assert float(row["accuracy"]) == pytest.approx(wanted.pop(0))
    for kind, mark in (("md", "|"), ("latex", "&")):
        lines = [line for line in written([table], kind).splitlines() if mark in line]
        body = [[cell.strip() for cell in line.strip(mark).split(mark)] for line in lines]
        own = [cells[1].split()[0] for cells in body if cells[0].isdigit()]
        assert own == shown
    terminal = printed(run, 400).splitlines()
    rows = [line.split() for line in terminal if re.match(r" *\d+ +\d+\.\d", line)]
    assert [row[1] for row in rows] == shown


def test_the_page_says_what_the_terminal_says(run, tree):
    data, front = data_of(tree), front_trials(run)
    place = {number: at for at, number in enumerate(data["columns"]["number"])}
    for trial in front:
        reported = data["columns"]["reported"][place[trial.number]]
        assert reported[0] == pytest.approx(leading(trial), rel=1e-5)
    cells = [
        attributes for tag, attributes in tree.found if attributes.get("data-label") == "Accuracy %"
    ][: len(front)]
    assert [float(cell["data-value"]) for cell in cells] == pytest.approx(
        [leading(trial) for trial in front]
    )
    # the same texts, interval and seeds included
    squeezed = re.sub(r"\s+", "", "".join(tree.text))
    for row in front_table(run).rows:
        assert re.sub(r"\s+", "", row[1]) in squeezed
    assert headline(run) in "".join(tree.text)


def test_the_headline_is_that_of_the_row_that_is_marked_best(run):
    table = front_table(run)
    at = {heading: place for place, heading in enumerate(table.headings)}
    (row,) = [row for row in table.rows if "best" in row[at["remarks"]].split(", ")]
    value, *interval = numbers(row[at["accuracy %"]])
    assert numbers(headline(run))[:1] == [value]
    assert set(interval) <= set(numbers(headline(run)))
    said = "independent seeds" in headline(run) or "an independent seed" in headline(run)
    assert said != ("optimistic" in headline(run))
    assert ("selected" in row[at["accuracy %"]]) == ("optimistic" in headline(run))


def test_best_and_knee_are_the_same_everywhere(run, tree):
    front, data = front_trials(run), data_of(tree)
    info = front_info(run)
    chosen = choose(run, "best").number
    assert chosen == best(front).number == data["best"] == info.best
    assert choose(run, "knee").number == knee(front).number == data["knee"] == info.knee
    words = {row[0]: row[list(front_table(run).headings).index("remarks")] for row in
             front_table(run).rows}  # fmt: skip
    assert [n for n, text in words.items() if "best" in text.split(", ")] == [str(chosen)]
    # the slider ranks by what decides, which holds one kind of number
    assert max(data["deciding"], key=lambda n: data["deciding"][n]) == str(chosen)


def test_a_lucky_seed_does_not_compete_with_a_mean():
    run = RUNS["some seeds missing"]()
    # until all are known, all are ranked by the search seed
    assert best(front_trials(run)).accuracy == max(t.accuracy for t in front_trials(run))
    assert any("until every trial" in note for note in front_table(run).notes)
    failed = RUNS["some seeds failed"]()
    assert failed.front[0] != best(front_trials(failed)).number
    wrong = RUNS["the search seed was wrong"]()
    assert best(front_trials(wrong)).number == wrong.front[0]
    assert best(front_trials(synthetic_run(60))).number == wrong.front[-1]


def test_what_chose_is_called_so(run):
    table = front_table(run)
    some = any(trial.seed_accuracies for trial in front_trials(run))
    assert ("selected seed %" in table.headings) == some
    for trial, row in zip(front_trials(run), table.rows, strict=True):
        assert ("selected" in row[1]) == (not trial.seed_accuracies)
        if some:
            at = table.headings.index("selected seed %")
            assert row[at].split()[0] == percent_text(trial.accuracy)
    assert any("optimistic" in note for note in table.notes)


def test_marks_of_one_scale_and_marks_as_reported(run):
    info = front_info(run)
    by_number = {trial.number: trial for trial in run.trials}
    for group in (info.searched, info.dominated):
        for number, x, y, *_ in zip(*group, strict=True):
            assert (x, y) == (by_number[number].latency.median_ms, by_number[number].accuracy)
    for number, x, y, *_ in zip(*info.front, strict=True):
        assert x == by_number[number].latency_ms
        assert y == pytest.approx(leading(by_number[number]))
    for _, _, y, _, _, low, high in zip(*info.front, strict=True):
        assert low <= y <= high


def test_cards_and_notes_lead_with_it(run):
    trial = best(front_trials(run))
    note = trial_note(trial.number, trial.model_dump(mode="json"), run.aims)
    for text in (accuracy_text(trial, run), note):
        shown = [float(each) for each in re.findall(r"(\d+\.\d) %", text)]
        assert shown[0] == float(percent_text(leading(trial)))
        assert float(percent_text(trial.accuracy)) in shown
        assert "selected" in text


def test_a_comparison_leads_with_it(run):
    other = synthetic_run(60, seed=3, name="other", front_seeds=2)
    info = compare_runs([run, other])
    rows = {row["run"]: row for row in comparison_points(info)["runs"]}
    assert rows[run.name]["best_accuracy"] == pytest.approx(leading(best(front_trials(run))))
    for group in info.groups:
        # all of one kind: means where every front has them
        members = [info.runs[place] for place in group.places]
        known = [
            all(t.other_seeds for t in front_trials(each))
            and any(t.seed_accuracies for t in front_trials(each))
            for each in members
        ]
        assert group.other_seeds == all(known)


def test_a_frame_leads_with_it(run):
    pytest.importorskip("pandas")
    frame = run.frame()
    for trial in front_trials(run):
        assert frame.loc[trial.number].accuracy == pytest.approx(leading(trial))
        assert frame.loc[trial.number].selected_accuracy == trial.accuracy


def test_columns_are_declared_once_and_explained():
    keys = [column.key for column in FRONT_COLUMNS]
    assert len(keys) == len(set(keys))
    headers = [column.header for column in FRONT_COLUMNS if column.header]
    assert len(headers) == len(set(headers))
    assert all(column.about for column in FRONT_COLUMNS if column.header)
    assert json.loads(json.dumps(front_points(synthetic_run(40, front_seeds=2))))


def test_no_run_beats_itself_on_one_scale(run):
    again = run.model_copy(update={"name": "again"})
    info = compare_runs([run, again])
    for beaten in info.groups[0].beaten:
        assert beaten.points == ()
        assert beaten.gap.value == 0
