"""Parallel coordinates: one line a trial, through its choices to accuracy and latency."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go

from archsearch.analysis import front_trials
from archsearch.record import RunRecord, TrialRecord
from archsearch.report.figures.drawing import FRONT, LINE, OTHER, Drawing, new_figure, plain
from archsearch.report.importance_findings import informative_parameters
from archsearch.report.number_format import plural

MOST_AXES = 7
MOST_LINES = 150
#: how the level of trials that do not have a parameter is called
ABSENT = "-"
#: lines of one level are spread over this share of the axis, or they would all lie on each other
_FAN = 0.035


class Axis(NamedTuple):
    """One choice, or one result.

    Attributes:
        name: of the parameter, ``accuracy`` or ``latency``.
        labels: of its ticks, bottom to top.
        places: of its ticks, 0 to 1.
    """

    name: str
    labels: tuple[str, ...]
    places: tuple[float, ...]


class ParallelInfo(NamedTuple):
    """Lines through axes.

    Attributes:
        axes: left to right.
        front: trial numbers of the front.
        front_places: for each of them, its place on every axis.
        others: numbers of other complete trials.
        other_places: as above.
        left_out: complete trials that are not shown.
    """

    axes: tuple[Axis, ...]
    front: tuple[int, ...]
    front_places: tuple[tuple[float, ...], ...]
    others: tuple[int, ...]
    other_places: tuple[tuple[float, ...], ...]
    left_out: int


def parallel_info(run: RunRecord) -> ParallelInfo | None:
    """Choose axes and compute lines; None with too few trials whose choices are known."""
    telling = informative_parameters(run)[:MOST_AXES]
    front = [trial for trial in front_trials(run) if trial.choices]
    if not telling or not front:
        return None
    on_front = {trial.number for trial in front}
    rest = [
        t for t in run.trials if t.accuracy is not None and t.choices and t.number not in on_front
    ]
    shown = rest[:: -(-len(rest) // MOST_LINES)] if rest else []
    trials = [*shown, *front]
    # in the order of the space, which is that of the network
    order = list(dict.fromkeys(name for trial in trials for name in trial.choices))
    names = sorted(telling, key=lambda name: order.index(name) if name in order else 0)
    columns = [_choice_axis(name, trials) for name in names]
    columns.append(_result_axis("accuracy", "%", [100 * (t.accuracy or 0.0) for t in trials]))
    columns.append(_result_axis("latency", "ms", [t.latency_ms or 0.0 for t in trials]))
    lines = list(zip(*(places for _, places in columns), strict=True))
    count = len(shown)
    return ParallelInfo(
        tuple(axis for axis, _ in columns),
        tuple(trial.number for trial in front),
        tuple(lines[count:]),
        tuple(trial.number for trial in shown),
        tuple(lines[:count]),
        len(rest) - count,
    )


def _choice_axis(name: str, trials: Sequence[TrialRecord]) -> tuple[Axis, list[float]]:
    values = [trial.choices.get(name) for trial in trials]
    numbers = sorted({v for v in values if isinstance(v, int | float)})
    words = sorted({str(v) for v in values if isinstance(v, str)})
    labels = [ABSENT] * (None in values) + [f"{v:g}" for v in numbers] + words
    step = 1.0 / max(1, len(labels) - 1)
    places = [index * step if len(labels) > 1 else 0.5 for index in range(len(labels))]
    at = dict(zip(labels, places, strict=True))
    total = max(1, len(trials) - 1)
    return Axis(name, tuple(labels), tuple(places)), [
        at[_label(value)] + _FAN * (rank / total - 0.5) for rank, value in enumerate(values)
    ]


def _label(value: object) -> str:
    if value is None:
        return ABSENT
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _result_axis(name: str, unit: str, values: list[float]) -> tuple[Axis, list[float]]:
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    middle = (low + high) / 2
    labels = tuple(f"{value:.3g}" for value in (low, middle, high))
    return Axis(f"{name} ({unit})", labels, (0.0, 0.5, 1.0)), [(v - low) / span for v in values]


def parallel_title(info: ParallelInfo) -> str:
    """Return what the figure shows in one line."""
    return f"{plural(len(info.axes) - 2, 'choice')} of every trained network"


def plot_parallel(info: ParallelInfo) -> Any:
    """Return the figure: the front in colour, the others faint."""
    figure = new_figure(parallel_title(info), "", "")
    for name, numbers, places, color, width, opacity in (
        ("trained, not on the front", info.others, info.other_places, OTHER, 0.8, 0.35),
        ("front", info.front, info.front_places, FRONT, 2.0, 0.95),
    ):
        if not numbers:
            continue
        count = len(info.axes)
        figure.add_trace(
            go.Scatter(
                name=name,
                x=[x for _ in numbers for x in (*range(count), None)],
                y=[y for line in places for y in (*line, None)],
                customdata=[number for number in numbers for _ in range(count + 1)],
                mode="lines",
                line={"color": color, "width": width},
                opacity=opacity,
                hovertemplate="trial %{customdata}<extra></extra>",
            )
        )
    for x, axis in enumerate(info.axes):
        figure.add_vline(x, line={"color": LINE, "width": 1}, layer="below")
        for label, y in zip(axis.labels, axis.places, strict=True):
            figure.add_annotation(
                x=x,
                y=y,
                text=plain(label.replace("_", " ")),
                showarrow=False,
                xanchor="left" if x + 1 < len(info.axes) else "right",
                xshift=4 if x + 1 < len(info.axes) else -4,
                yshift=8,
                font_size=11,
            )
    figure.update_xaxes(
        tickvals=list(range(len(info.axes))),
        ticktext=[_broken(axis.name) for axis in info.axes],
        showgrid=False,
        showline=False,
        ticks="",
        range=[-0.15, len(info.axes) - 0.85],
        fixedrange=True,
        tickfont_size=11.5,
    )
    figure.update_yaxes(visible=False, range=[-0.06, 1.12], fixedrange=True)
    return figure


def _broken(name: str) -> str:
    """Return a dotted name in short lines."""
    return plain(name).replace(".", "<br>").replace("_", " ").replace(" (", "<br>(")


def draw_parallel(run: RunRecord) -> Drawing | None:
    """Draw the trained networks as lines through their choices; None with too few."""
    info = parallel_info(run)
    if info is None:
        return None
    axes = "; ".join(f"{axis.name}: {', '.join(axis.labels)}" for axis in info.axes)
    lines = "; ".join(
        f"trial {number}: "
        + ", ".join(_nearest(axis, place) for axis, place in zip(info.axes, line, strict=True))
        for number, line in zip(info.front, info.front_places, strict=True)
    )
    note = "Bundles of blue lines through one value are what the front has in common."
    if info.left_out:
        note += f" {plural(info.left_out, 'more trial')} left out, evenly over the run."
    return Drawing(
        "parallel",
        parallel_title(info),
        plot_parallel(info),
        f"Parallel coordinates. Axes: {axes}. The front: {lines}.",
        note,
    )


def _nearest(axis: Axis, place: float) -> str:
    at = min(range(len(axis.places)), key=lambda index: abs(axis.places[index] - place))
    return (
        axis.labels[at] if not axis.name.endswith(")") else f"{place:.2f} of the {axis.name} axis"
    )
