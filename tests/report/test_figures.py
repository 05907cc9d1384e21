import re

import pytest

from archsearch.analysis import Reference, front_trials, hypervolume, objectives
from archsearch.arch import summary
from archsearch.report.figures import (
    curves_info,
    draw_choices,
    draw_correlation,
    draw_curves,
    draw_front,
    draw_latency_check,
    draw_latency_model,
    draw_parallel,
    draw_progress_over_epochs,
    draw_progress_over_time,
    draw_progress_over_trials,
    draw_time,
    latency_check_info,
    latency_model_info,
    parallel_info,
    plot_front,
    progress_info,
    time_info,
)
from archsearch.report.figures.curves import MOST_CURVES
from archsearch.report.figures.drawing import DARK
from archsearch.report.front_data import front_info
from archsearch.report.importance_findings import informative_parameters

DRAW = {
    draw.__name__: draw
    for draw in (
        draw_front,
        draw_curves,
        draw_progress_over_time,
        draw_progress_over_trials,
        draw_progress_over_epochs,
        draw_time,
        draw_correlation,
        draw_latency_check,
        draw_latency_model,
        draw_choices,
        draw_parallel,
    )
}


@pytest.mark.parametrize("name", DRAW)
def test_every_figure_has_words_and_axes_with_units(usual, name):
    drawing = DRAW[name](usual)
    assert drawing is not None
    assert drawing.title
    assert len(drawing.description) > 40
    layout = drawing.figure.to_plotly_json()["layout"]
    assert layout["title"]["text"]
    axes = {key: axis["title"]["text"] for key, axis in layout.items() if _is_axis(key, axis)}
    # parallel coordinates name every axis at its foot, with its unit
    assert axes or {"latency<br>(ms)", "accuracy<br>(%)"} < set(layout["xaxis"]["ticktext"])
    for text in axes.values():
        unitless = ("epoch", "tau", "candidates", "percentage points")
        assert re.search(r"\((%|ms|s|share)\)", text) or any(word in text for word in unitless)


def _is_axis(key, axis) -> bool:
    shown = re.fullmatch(r"[xy]axis\d?", key) and axis.get("visible", True)
    return bool(shown and axis.get("title", {}).get("text"))


@pytest.mark.parametrize("name", DRAW)
def test_every_colour_has_a_dark_partner(usual, name):
    text = DRAW[name](usual).figure.to_json()
    assert set(re.findall(r"#[0-9a-fA-F]{6}", text)) <= set(DARK)


@pytest.mark.parametrize("name", DRAW)
def test_any_run_can_be_drawn(any_run, name):
    drawing = DRAW[name](any_run)
    if drawing is not None:
        drawing.figure.to_json()


@pytest.mark.parametrize("name", DRAW)
def test_hostile_strings_stay_text(hostile, name):
    drawing = DRAW[name](hostile)
    if drawing is not None:
        assert "<img" not in drawing.figure.to_json()


def test_front_has_a_mark_for_every_number(usual):
    info = front_info(usual)
    traces = {trace.name: trace for trace in draw_front(usual).figure.data}
    groups = {
        "front": info.front,
        "front, as searched": info.searched,
        "left the front": info.left,
        "trained, not on the front": info.dominated,
        "trained in part": info.pruned,
        "over budget, never trained": info.infeasible,
    }
    # the line of the best accuracy so far has no name, and no place in the legend
    assert set(traces) == {*groups, "baseline", ""}
    assert tuple(traces["baseline"].customdata) == ("mobilenetv2_050", "lightvit_tiny")
    assert tuple(traces["baseline"].x) == info.baselines.latency_ms
    for name, marks in groups.items():
        assert tuple(traces[name].customdata) == marks.numbers
        assert tuple(traces[name].x) == marks.latency_ms
    front = traces["front"]
    assert tuple(front.error_x.array) == pytest.approx(
        [high - x for x, high in zip(info.front.latency_ms, info.front.high_ms, strict=True)]
    )


def test_hover_names_the_architecture(usual):
    lines = {trial.number: summary(trial.arch) for trial in usual.trials}
    trace = plot_front(front_info(usual), lines).data[-1]
    assert trace.text[0].replace("<br>", " | ") == lines[usual.front[0]]
    assert "%{text}" in trace.hovertemplate


def test_budget_line_stands_at_the_budget(usual):
    *moves, line = draw_front(usual).figure.layout.shapes
    # from what the search saw of each trial to what is reported
    info = front_info(usual)
    assert [(each.x0, each.x1) for each in moves] == list(
        zip(info.searched.latency_ms, info.front.latency_ms, strict=True)
    )
    assert line.x0 == line.x1 == usual.budget_ms


@pytest.mark.parametrize("against", ["seconds", "trials", "epochs"])
def test_progress_ends_at_the_front_of_the_run(usual, against):
    info = progress_info(usual, against)
    front = front_trials(usual)
    assert info.best_accuracy[-1] == max(trial.accuracy for trial in front)
    assert info.reference == Reference(0.1, 5.0)
    volume = hypervolume(objectives(front), info.reference, (True, False)) / info.reference.area
    assert info.hypervolume[-1] == pytest.approx(volume)
    assert list(info.x) == sorted(info.x)
    assert info.x[0] <= info.settled <= info.x[-1]
    trained = [t for t in usual.trials if t.state == "complete" or t.curve]
    last = {
        "seconds": max(t.finished_s for t in trained),
        "trials": len(trained),
        "epochs": sum(len(t.curve) for t in trained),
    }
    assert info.x[-1] == last[against]


def test_curves_are_complete_or_say_what_is_left_out(usual):
    info = curves_info(usual)
    assert [curve.number for curve in info.front] == list(usual.front)
    drawn = len(info.front) + len(info.complete) + len(info.stopped)
    assert drawn + info.left_out == sum(bool(trial.curve) for trial in usual.trials)
    many = usual.model_copy(
        update={
            "trials": (
                *usual.trials,
                *(
                    trial.model_copy(update={"number": trial.number + 1000 * k})
                    for k in range(1, 5)
                    for trial in usual.trials
                ),
            )
        }
    )
    large = curves_info(many)
    assert len(large.complete) + len(large.stopped) == MOST_CURVES
    assert large.left_out > 0


def test_time_is_shared_among_workers_only(usual):
    info = time_info(usual)
    assert sum(info.shares) == pytest.approx(1)
    assert info.causes[0] == "training"
    assert info.shares[0] == pytest.approx(0.92)
    assert list(info.seconds) == sorted(info.seconds, reverse=True)
    assert len(info.driver) == 2
    assert time_info(usual.model_copy(update={"time_by_cause": {"training": 0.0}})) is None


def test_latency_check_pairs_both_measurements(usual):
    info = latency_check_info(usual)
    measured = [trial for trial in usual.trials if trial.final_latency is not None]
    assert info.numbers == tuple(trial.number for trial in measured)
    assert abs(info.median_change) < 0.02


def test_parallel_lines_go_through_the_values_of_their_trials(usual):
    info = parallel_info(usual)
    by_number = {trial.number: trial for trial in usual.trials}
    assert info.front == usual.front
    assert len(info.others) + info.left_out == sum(
        t.accuracy is not None and t.number not in usual.front for t in usual.trials
    )
    pairs = [
        *zip(info.front, info.front_places, strict=True),
        *zip(info.others, info.other_places, strict=True),
    ]
    for number, places in pairs:
        for axis, place in zip(info.axes[:-2], places, strict=False):
            value = by_number[number].choices.get(axis.name, "-")
            at = axis.labels.index(f"{value:g}" if isinstance(value, int) else value)
            assert abs(axis.places[at] - place) < 0.02
    latencies = {n: places[-1] for n, places in pairs}
    ordered = sorted(latencies, key=lambda n: by_number[n].latency_ms)
    assert sorted(latencies, key=latencies.get) == ordered


def test_the_parameters_that_drive_the_latency_lead(usual):
    # the made latencies are a function of depths and widths
    first = informative_parameters(usual)[0]
    assert "depth" in first or "width" in first or first == "num_stages"
    few = usual.model_copy(update={"trials": usual.trials[:5]})
    assert informative_parameters(few) == []


def test_latency_model_is_judged_on_what_it_has_not_seen(usual):
    info = latency_model_info(usual)
    assert info.n == len(usual.trials)
    assert 0 < info.typical < info.band
    outside = [
        max(p / m, m / p) - 1 > info.band
        for p, m in zip(info.predicted, info.measured, strict=True)
    ]
    assert 0.02 <= sum(outside) / len(outside) <= 0.06
