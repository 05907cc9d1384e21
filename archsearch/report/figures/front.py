"""Accuracy against latency: the front and all other trials."""

from itertools import cycle
from typing import Any

import numpy as np
import plotly.graph_objects as go

from archsearch.percent import percent_text
from archsearch.record import RunRecord
from archsearch.report.figures.drawing import (
    BUDGET,
    FAINT,
    FOURTH,
    FRONT,
    OTHER,
    SECOND,
    THIRD,
    Drawing,
    new_figure,
    pale,
    plain,
)
from archsearch.report.front_data import FrontInfo, Marks, NamedMarks, front_info
from archsearch.report.number_format import ms_text, plural

#: intervals of more dominated trials than this would only be a blur
MOST_INTERVALS = 150
#: how the hover texts call the scale of all but the front
SEARCHED = "with the search seed"
#: of the families' curves
FAMILY_COLORS = (FOURTH, THIRD, BUDGET, OTHER)
#: share of the height that the strip of infeasible trials takes
STRIP = 0.045


def draw_front(run: RunRecord) -> Drawing | None:
    """Draw the front of a run; None when no trial has a latency."""
    info = front_info(run)
    if not any((info.front.numbers, info.dominated.numbers, info.pruned.numbers)):
        return None
    # the page knows every architecture in one line and adds it to the hover texts itself
    figure = plot_front(info)
    return Drawing("front", front_title(info), figure, _describe(info), _note(info))


def front_title(info: FrontInfo) -> str:
    """Return what the plot shows in one line."""
    count = len(info.front.numbers)
    trained = plural(count + len(info.dominated.numbers), "trained architecture")
    return f"Accuracy against latency: {count} of {trained} on the front"


def plot_front(info: FrontInfo, lines: dict[int, str] | None = None) -> Any:
    """Return the figure of a front.

    Args:
        info: what to draw.
        lines: trial number to the architecture in one line, for the hover text.
    """
    lines = lines or {}
    figure = new_figure(front_title(info), "latency (ms)", "validation accuracy (%)")
    if info.infeasible.numbers:
        figure.add_trace(_infeasible(info.infeasible, lines))
    if info.pruned.numbers:
        mark = {"symbol": "triangle-down-open", "size": 7, "color": FAINT}
        figure.add_trace(_marks("trained in part", info.pruned, lines, mark, "so far"))
    if info.dominated.numbers:
        mark = {"symbol": "circle", "size": 6, "color": OTHER, "opacity": 0.55, "line_width": 0}
        trace = _marks("trained, not on the front", info.dominated, lines, mark, SEARCHED)
        if len(info.dominated.numbers) <= MOST_INTERVALS:
            trace.error_x = _intervals(info.dominated, OTHER, 0.8)
        figure.add_trace(trace)
    if info.left.numbers:
        mark = {"symbol": "circle-open", "size": 8, "color": OTHER, "line_width": 1.4}
        figure.add_trace(_marks("left the front", info.left, lines, mark, "measured again"))
    if info.again:
        mark = {"symbol": "circle", "size": 6, "color": FRONT, "opacity": 0.55, "line_width": 0}
        figure.add_trace(_marks("front, as searched", info.searched, lines, mark, SEARCHED))
        figure.update_layout(shapes=_moves(info))
    alone, families = _by_family(info.baselines)
    if alone.names:
        figure.add_trace(_baselines(alone))
    for color, (family, sizes) in zip(cycle(FAMILY_COLORS), families.items(), strict=False):
        figure.add_trace(_family(family, sizes, color))
    if info.front.numbers:
        figure.add_trace(_steps(info.front))
        mark = {"symbol": "circle", "size": 10, "color": FRONT, "line_width": 0}
        trace = _marks("front", info.front, lines, mark, "as reported" if info.again else "")
        trace.error_x = _intervals(info.front, pale(FRONT), 4)
        if info.front.low != info.front.accuracy:
            trace.error_y = _accuracy_intervals(info.front, pale(FRONT), 4)
        figure.add_trace(trace)
        _label(figure, info)
    figure.update_xaxes(range=info.latency_range)
    figure.update_yaxes(range=[100 * value for value in info.accuracy_range])
    if info.infeasible.numbers:
        figure.update_layout(
            yaxis={"domain": [STRIP + 0.015, 1]},
            yaxis2={"domain": [0, STRIP], "range": [-1, 1], "visible": False, "fixedrange": True},
            xaxis={"anchor": "free", "position": 0},
        )
    if info.budget_ms is not None:
        figure.add_vline(
            info.budget_ms,
            line={"color": BUDGET, "width": 1.5, "dash": "dash"},
            annotation={
                "text": f"budget {info.budget_ms:g} ms",
                "font_color": BUDGET,
                "yref": "paper",
                "y": 1,
                "yanchor": "bottom",
                "xanchor": "right",
                "showarrow": False,
            },
        )
    return figure


def _steps(front: Marks) -> Any:
    """Return the line of the best accuracy that is known up to each latency.

    Reported accuracies need not rise with latency: by other seeds a slower trial may be no better.
    """
    reached = np.maximum.accumulate([100 * value for value in front.accuracy])
    return go.Scatter(
        name="",
        mode="lines",
        x=front.latency_ms,
        y=reached.tolist(),
        line={"shape": "hv", "width": 1.5, "color": FRONT},
        hoverinfo="skip",
        showlegend=False,
    )


def _moves(info: FrontInfo) -> list[dict[str, Any]]:
    """Return thin lines from each trial's search values to its reported values."""
    return [
        {
            "type": "line",
            "layer": "below",
            "x0": x0,
            "y0": 100 * y0,
            "x1": x1,
            "y1": 100 * y1,
            "line": {"color": pale(FRONT), "width": 1},
        }
        for x0, y0, x1, y1 in zip(
            info.searched.latency_ms,
            info.searched.accuracy,
            info.front.latency_ms,
            info.front.accuracy,
            strict=True,
        )
    ]


def _accuracy_intervals(marks: Marks, color: str, width: float) -> dict[str, Any]:
    rows = list(zip(marks.accuracy, marks.low, marks.high, strict=True))
    return {
        "type": "data",
        "symmetric": False,
        "array": [100 * (high - y) for y, _, high in rows],
        "arrayminus": [100 * (y - low) for y, low, _ in rows],
        "color": color,
        "thickness": width,
        "width": 0,
    }


def _marks(
    name: str, marks: Marks, lines: dict[int, str], mark: dict[str, Any], when: str = ""
) -> Any:
    accuracy = "%{y:.1f} %" + (f" {when}" if when else "")
    return go.Scatter(
        name=name,
        mode="markers",
        x=marks.latency_ms,
        y=[100 * value for value in marks.accuracy],
        marker=mark,
        customdata=marks.numbers,
        **_hover(f"{accuracy}, %{{x:.3g}} ms", marks.numbers, lines),
    )


def _infeasible(marks: Marks, lines: dict[int, str]) -> Any:
    return go.Scatter(
        name="over budget, never trained",
        mode="markers",
        x=marks.latency_ms,
        y=[0] * len(marks.numbers),
        yaxis="y2",
        marker={"symbol": "line-ns-open", "size": 9, "color": FAINT, "line_width": 1},
        customdata=marks.numbers,
        **_hover("%{x:.3g} ms, not trained", marks.numbers, lines),
    )


def _baselines(marks: NamedMarks) -> Any:
    return go.Scatter(
        name="baseline",
        mode="markers+text",
        x=marks.latency_ms,
        y=[100 * value for value in marks.accuracy],
        text=[plain(name) for name in marks.names],
        textposition="bottom center",
        textfont={"size": 11.5, "color": SECOND},
        marker={"symbol": "diamond", "size": 10, "color": SECOND, "line_width": 0},
        error_x=_intervals(marks, pale(SECOND), 4),
        customdata=marks.names,
        hovertemplate="<b>%{text}</b>: %{y:.1f} %, %{x:.3g} ms<extra></extra>",
    )


def _by_family(marks: NamedMarks) -> tuple[NamedMarks, dict[str, NamedMarks]]:
    """Return the baselines that stand alone, and the sizes of each family by latency."""
    alone: list[Any] = []
    families: dict[str, list[Any]] = {}
    for row in zip(*marks, strict=True):
        family, is_size, _ = str(row[0]).partition("/")
        (families.setdefault(family, []) if is_size else alone).append(row)
    sizes = {
        family: NamedMarks(*zip(*sorted(rows, key=lambda row: float(row[1])), strict=True))
        for family, rows in families.items()
    }
    return NamedMarks(*zip(*alone, strict=True)) if alone else NamedMarks(), sizes


def _family(name: str, sizes: NamedMarks, color: str) -> Any:
    return go.Scatter(
        name=plain(name),
        mode="lines+markers",
        x=sizes.latency_ms,
        y=[100 * value for value in sizes.accuracy],
        line={"width": 1.2, "color": color, "dash": "dot"},
        marker={"symbol": "diamond", "size": 8, "color": color, "line_width": 0},
        error_x=_intervals(sizes, pale(color), 3),
        customdata=sizes.names,
        hovertemplate="<b>%{customdata}</b>: %{y:.1f} %, %{x:.3g} ms<extra></extra>",
    )


def _hover(what: str, numbers: tuple[int, ...], lines: dict[int, str]) -> dict[str, Any]:
    """Return the hover text; the architecture is broken at its stages, to fit the label."""
    start = f"<b>trial %{{customdata}}</b>: {what}"
    found: dict[str, Any] = {"meta": {"text": "architecture"}}
    if not lines:
        return found | {"hovertemplate": f"{start}<extra></extra>"}
    text = [plain(lines.get(number, "")).replace(" | ", "<br>") for number in numbers]
    return found | {"text": text, "hovertemplate": f"{start}<br>%{{text}}<extra></extra>"}


def _intervals(marks: Marks | NamedMarks, color: str, width: float) -> dict[str, Any]:
    pairs = zip(marks.latency_ms, marks.low_ms, marks.high_ms, strict=True)
    below, above = zip(*((x - low, high - x) for x, low, high in pairs), strict=True)
    return {
        "type": "data",
        "symmetric": False,
        "array": above,
        "arrayminus": below,
        "color": color,
        "thickness": width,
        "width": 0,
    }


def _label(figure: Any, info: FrontInfo) -> None:
    """Name the best and the knee beside their marks."""
    same = info.best == info.knee
    labels = {info.best: "best, knee" if same else "best"} | ({} if same else {info.knee: "knee"})
    for number, text in labels.items():
        if number is None:
            continue
        at = info.front.numbers.index(number)
        figure.add_annotation(
            x=info.front.latency_ms[at],
            y=100 * info.front.accuracy[at],
            text=text,
            showarrow=False,
            xanchor="right",
            yanchor="bottom",
            xshift=-5,
            yshift=3,
            font_color=FRONT,
        )


def _describe(info: FrontInfo) -> str:
    if not info.front.numbers:
        return "Scatter plot. No architecture was trained to the end within the budget."
    listed = "; ".join(
        f"trial {number}: {percent_text(accuracy)} % at {ms_text(latency)} ms"
        for number, accuracy, latency in zip(
            info.front.numbers, info.front.accuracy, info.front.latency_ms, strict=True
        )
    )
    limit = f" The budget is {info.budget_ms:g} ms." if info.budget_ms is not None else ""
    known = "; ".join(
        f"{name}: {percent_text(accuracy)} % at {ms_text(latency)} ms"
        for name, latency, accuracy, *_ in zip(*info.baselines, strict=True)
    )
    beside = f" Baselines: {known}." if known else ""
    return (
        f"Scatter plot of validation accuracy in percent against latency in milliseconds.{limit} "
        f"The front, from fast to accurate: {listed}. Beside it "
        f"{plural(len(info.dominated.numbers), 'dominated architecture')}, "
        f"{len(info.pruned.numbers):,} trained in part, and {len(info.infeasible.numbers):,} over "
        f"the budget, which were never trained.{beside}"
    )


def _note(info: FrontInfo) -> str:
    lines = [_scales(info), "Bars are intervals."]
    if info.pruned.numbers:
        lines.append(
            "Triangles are candidates trained in part, at the accuracy of their last epoch."
        )
    if info.infeasible.numbers:
        lines.append("Ticks at the foot were over the budget: measured, never trained.")
    if info.baselines.names:
        lines.append("Diamonds are known networks, trained and measured the same way.")
    if _by_family(info.baselines)[1]:
        lines.append("Dotted lines join the sizes of one family.")
    if info.left.numbers:
        lines.append("Open circles left the front when their latency was measured again.")
    if info.outside:
        lines.append(f"{plural(info.outside, 'mark')} outside the view that the plot opens with.")
    return " ".join(lines)


def _scales(info: FrontInfo) -> str:
    """Return the scales of the marks: one for all small ones, one for the front."""
    if not info.again:
        return (
            "All marks are as the search saw them: first measured latency, accuracy with the seed "
            "that chose, which is optimistic."
        )
    return (
        "Small marks are as the search saw them, all alike: first measured latency, accuracy with "
        "the search seed. Large marks are the front as the table reports it: final latency, "
        "and the mean over other seeds where there are any. Best and knee are by the large marks."
    )
