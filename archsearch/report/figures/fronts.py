"""The fronts of several runs in one plot."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go

from archsearch.analysis import by_other_seeds, on_one_scale
from archsearch.percent import percent_text
from archsearch.record import RunRecord
from archsearch.report.figures.drawing import (
    BUDGET,
    FRONT,
    OTHER,
    SECOND,
    TEXT,
    THIRD,
    Drawing,
    new_figure,
    pale,
    plain,
)
from archsearch.report.front_data import Marks, front_info
from archsearch.report.latency_verdicts import SITTING
from archsearch.report.number_format import ms_text, plural

#: lines apart by shape as well as by colour
_STYLES = (
    (FRONT, "circle"),
    (BUDGET, "square"),
    (SECOND, "diamond"),
    (THIRD, "triangle-up"),
    (TEXT, "cross"),
    (OTHER, "x"),
)


class FrontsInfo(NamedTuple):
    """Fronts by run; both tuples are equally long.

    Attributes:
        names: of the runs.
        fronts: by increasing latency.
    """

    names: tuple[str, ...]
    fronts: tuple[Marks, ...]


def fronts_info(runs: Sequence[RunRecord]) -> FrontsInfo | None:
    """Collect the fronts of runs, on one scale (`on_one_scale`); None when all are empty."""
    marks = tuple(front_info(run).front for run in on_one_scale(runs))
    if not any(each.numbers for each in marks):
        return None
    return FrontsInfo(tuple(run.name for run in runs), marks)


def plot_fronts(info: FrontsInfo) -> Any:
    """Return the figure: a stepped line and marks a run."""
    figure = new_figure(fronts_title(info), "latency (ms)", "validation accuracy (%)")
    runs = list(enumerate(zip(info.names, info.fronts, strict=True)))
    # the first on top, and first in the legend
    for place, (name, marks) in reversed(runs):
        color, symbol = _STYLES[place % len(_STYLES)]
        pairs = zip(marks.latency_ms, marks.low_ms, marks.high_ms, strict=True)
        spread = [(x - low, high - x) for x, low, high in pairs]
        figure.add_trace(
            go.Scatter(
                name=plain(name),
                mode="lines+markers",
                x=marks.latency_ms,
                y=[100 * value for value in marks.accuracy],
                line={"shape": "hv", "width": 1.5, "color": color},
                marker={"symbol": symbol, "size": 9, "color": color, "line_width": 0},
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [above for _, above in spread],
                    "arrayminus": [below for below, _ in spread],
                    "color": pale(color),
                    "thickness": 4,
                    "width": 0,
                },
                customdata=[f"{plain(name)}: trial {number}" for number in marks.numbers],
                hovertemplate="<b>%{customdata}</b><br>%{y:.1f} %, %{x:.3g} ms<extra></extra>",
            )
        )
    figure.update_xaxes(rangemode="tozero")
    return figure


def fronts_title(info: FrontsInfo) -> str:
    """Return what the plot shows in one line."""
    return f"Accuracy against latency: the fronts of {plural(len(info.names), 'run')}"


def draw_fronts(runs: Sequence[RunRecord], key: str = "fronts") -> Drawing | None:
    """Draw the fronts of comparable runs; None when all are empty."""
    info = fronts_info(runs)
    if info is None:
        return None
    lines = []
    for name, marks in zip(info.names, info.fronts, strict=True):
        points = "; ".join(
            f"{percent_text(accuracy)} % at {ms_text(latency)} ms"
            for latency, accuracy in zip(marks.latency_ms, marks.accuracy, strict=True)
        )
        lines.append(f"{name}: {points or 'empty'}.")
    scale = (
        "Accuracies are means over other seeds than the search seeds."
        if by_other_seeds(runs)
        else "Accuracies are with the search seeds."
    )
    return Drawing(
        key,
        fronts_title(info),
        plot_fronts(info),
        f"Stepped lines of validation accuracy against latency. {' '.join(lines)}",
        f"{scale} Bars are each latency's {SITTING}.",
    )
