import json

import pytest

from archsearch.analysis import (
    compare_seeds,
    epoch_correlations,
    front_trials,
    rank_correlation,
    rung_correlations,
)
from archsearch.percent import percent_text
from archsearch.report import correlation_line, front_points, seed_lines
from archsearch.report.figures.correlation import correlation_title
from tests.report.synthetic_run import synthetic_run
from tests.report.test_run_tables import printed


@pytest.fixture(scope="module")
def seen_again():
    return synthetic_run(60, front_seeds=3)


def test_the_line_says_what_the_figure_says(usual):
    found = epoch_correlations(usual.trials)
    title = correlation_title(found).removeprefix("Order after ")
    epochs, _, rest = title.partition(": ")
    tau, _, n = rest.partition(", ")
    line = correlation_line(usual)
    assert f"{epochs}: {tau} (" in line
    assert f"{n}; 3 epochs against 6: tau {found[2].tau:.2f}" in line


def test_no_line_where_too_few_were_trained_to_the_end():
    assert correlation_line(synthetic_run(3)) == ""


def test_with_rungs_each_is_held_against_the_next(usual):
    run = usual.model_copy(update={"config": {**usual.config, "identity": {"rungs": [1, 3]}}})
    first, second = rung_correlations(usual.trials, (1, 3, 6))
    # more go on to the second rung than to the last
    assert first.n >= second.n
    assert first == rank_correlation(usual.trials, 1, 3)
    line = correlation_line(run)
    assert line.startswith("order of the candidates that went on, 1 epoch against 3: tau ")
    assert f"; 3 epochs against 6: tau {second.tau:.2f} (" in line
    assert line.endswith(f"n = {second.n}")


@pytest.mark.parametrize("width", [60, 80, 170])
def test_the_table_has_means_and_verdicts_only_with_other_seeds(usual, seen_again, width):
    assert "selected seed %" not in printed(usual, width)
    text = " ".join(printed(seen_again, width).split())
    look = compare_seeds(front_trials(seen_again), 360)
    for mean in look.means:
        assert percent_text(mean.mean) in text
    for line in seed_lines(seen_again):
        assert " ".join(line.split()) in text
    assert len(look.neighbours) == len(front_trials(seen_again)) - 1


def test_a_verdict_names_the_next_faster(seen_again):
    front = front_trials(seen_again)
    lines = seed_lines(seen_again)[2:]
    for line, slower, faster in zip(lines, front[1:], front, strict=False):
        assert line.startswith(f"  trial {slower.number}: ")
        assert f" trial {faster.number} (" in line
    assert any("not distinguishable from" in line for line in lines)
    # made a point lower; noise of half a point
    assert " points lower on average" in seed_lines(seen_again)[0]


def test_front_json_has_them(usual, seen_again):
    points = json.loads(json.dumps(front_points(seen_again)))
    assert points[0]["faster_trial"] is None
    assert points[1]["faster_trial"] == points[0]["trial"]
    assert list(points[0]["seed_accuracies"]) == ["1", "2", "3"]
    low, high = points[1]["faster_interval"]
    assert low < points[1]["faster_difference"] < high
    assert all(point["seed_sd"] is None for point in front_points(usual))
    for point in points:
        assert point["accuracy"] == pytest.approx(sum(point["seed_accuracies"].values()) / 3)
        assert point["accuracy_seeds"] == 3
        assert point["selected_accuracy"] != point["accuracy"]
