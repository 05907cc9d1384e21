import io
import json

import pytest
from rich.console import Console

from archsearch.analysis import accuracy_interval, baseline_accuracies, front_trials, versus
from archsearch.report import baseline_table
from archsearch.report.baseline_columns import BaselineRow, baseline_rows, verdict
from archsearch.report.panels import baseline_panel
from tests.report.synthetic_run import synthetic_run


def test_versus_is_the_most_accurate_that_is_no_slower(usual):
    slow, fast, failed = usual.baselines
    reported = baseline_accuracies(usual)
    found = versus(front_trials(usual), slow, reported[slow.name], 360)
    no_slower = [t for t in front_trials(usual) if t.latency_ms <= slow.latency.median_ms]
    assert found.trial.accuracy == max(t.accuracy for t in no_slower)
    assert found.gain == pytest.approx(found.trial.accuracy - 0.9)
    assert found.interval[0] < found.gain < found.interval[1]
    assert found.ratio <= 1
    assert versus(front_trials(usual), fast, reported[fast.name], 360) is None
    assert failed.name not in reported
    assert versus(front_trials(usual), failed, None, 360) is None


def test_verdicts(usual):
    slow, fast, failed = baseline_rows(usual)
    assert verdict(slow).startswith("trial ")
    assert "points" in verdict(slow)
    assert verdict(fast) == "faster than every point of the front"
    assert verdict(failed) == "failed: ValueError: no <b>32</b> px"
    # the accuracies of one image more or less cannot be distinguished
    near = slow.reported._replace(value=slow.against.trial.accuracy)
    against = versus(front_trials(usual), slow.baseline, near, 360)
    assert "a tie in accuracy" in verdict(BaselineRow(slow.baseline, near, against))


def test_the_front_is_held_against_baselines_by_its_unselected_accuracy():
    run = synthetic_run(150, baselines=True, front_seeds=3)
    found = versus(
        front_trials(run), run.baselines[0], baseline_accuracies(run)[run.baselines[0].name], 360
    )
    mean = sum(found.trial.seed_accuracies.values()) / 3
    assert found.gain == pytest.approx(mean - run.baselines[0].accuracy)


def test_table_and_points_tell_every_baseline(usual):
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(baseline_table(usual))
    text = console.export_text()
    for each in usual.baselines:
        assert each.name in text
    points = json.loads(json.dumps(baseline_table(usual).values))
    assert [each["name"] for each in points] == [each.name for each in usual.baselines]
    assert points[2]["against"] is None
    assert baseline_table(synthetic_run(3)) is None
    assert baseline_panel(synthetic_run(3)) is None


def test_panel_holds_numbers_and_no_markup_of_others(usual):
    html = baseline_panel(usual).html
    low, high = accuracy_interval(0.9, 360)
    assert f"90.0 <small>({100 * low:.1f} to {100 * high:.1f})</small>" in html
    assert "&lt;b&gt;32" in html
    assert html.count("<tr>") == 4
