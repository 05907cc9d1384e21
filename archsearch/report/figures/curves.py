"""Learning curves: validation accuracy against epochs."""

from typing import Any, NamedTuple

import plotly.graph_objects as go

from archsearch.analysis import front_trials
from archsearch.percent import percent_text
from archsearch.record import RunRecord, TrialRecord
from archsearch.report.figures.drawing import (
    FAINT,
    FRONT,
    OTHER,
    Drawing,
    new_figure,
)
from archsearch.report.number_format import plural

#: more curves than this beside the front would be a solid area
MOST_CURVES = 150


class Curve(NamedTuple):
    """One trial's validation accuracy (0 to 1) after each epoch."""

    number: int
    epochs: tuple[int, ...]
    accuracy: tuple[float, ...]


class CurvesInfo(NamedTuple):
    """Learning curves by group.

    Attributes:
        front: of the front, by increasing latency.
        complete: of the other complete trials.
        stopped: of the trials that were stopped early, or paused.
        left_out: curves not among ``complete`` and ``stopped`` because there were too many.
    """

    front: tuple[Curve, ...]
    complete: tuple[Curve, ...]
    stopped: tuple[Curve, ...]
    left_out: int


def curves_info(run: RunRecord) -> CurvesInfo | None:
    """Collect the learning curves of a run; None when there is none."""
    front = front_trials(run)
    on_front = {trial.number for trial in front}
    others = [t for t in run.trials if t.curve and t.number not in on_front]
    shown = _spread(others, MOST_CURVES)
    info = CurvesInfo(
        front=tuple(_curve(trial) for trial in front if trial.curve),
        complete=tuple(_curve(trial) for trial in shown if trial.state == "complete"),
        stopped=tuple(_curve(trial) for trial in shown if trial.state == "pruned"),
        left_out=len(others) - len(shown),
    )
    return info if any(info[:3]) else None


def _spread(trials: list[TrialRecord], most: int) -> list[TrialRecord]:
    """Return at most ``most`` trials, evenly spread over the run."""
    if len(trials) <= most:
        return trials
    return [trials[index * len(trials) // most] for index in range(most)]


def _curve(trial: TrialRecord) -> Curve:
    return Curve(
        trial.number,
        tuple(metrics.epoch for metrics in trial.curve),
        tuple(metrics.accuracy for metrics in trial.curve),
    )


def curves_title(info: CurvesInfo) -> str:
    """Return what the figure shows in one line."""
    first = [curve.accuracy[0] for curve in info.front]
    last = [curve.accuracy[-1] for curve in info.front]
    if not first or max(len(curve.epochs) for curve in info.front) == 1:
        return "Validation accuracy after each epoch"
    return (
        f"After one epoch the front was at {percent_text(min(first), 0)} to "
        f"{percent_text(max(first), 0)} %, at the end at {percent_text(min(last), 0)} to "
        f"{percent_text(max(last), 0)} %"
    )


def plot_curves(info: CurvesInfo) -> Any:
    """Return the figure: the front in colour, the others faint, a mark where one was stopped."""
    figure = new_figure(curves_title(info), "epoch", "validation accuracy (%)")
    groups = (
        ("trained in part", info.stopped, FAINT, 0.8, 0.7),
        ("trained, not on the front", info.complete, OTHER, 0.8, 0.4),
        ("front", info.front, FRONT, 1.8, 0.95),
    )
    for name, curves, color, width, opacity in groups:
        if not curves:
            continue
        x, y, numbers = _joined(curves)
        trace = go.Scatter(
            name=name,
            x=x,
            y=y,
            customdata=numbers,
            mode="lines",
            line={"color": color, "width": width},
            opacity=opacity,
            hovertemplate="trial %{customdata}, epoch %{x}: %{y:.1f} %<extra></extra>",
        )
        if curves is info.front:
            trace.update(mode="lines+markers", marker={"size": 4.5, "color": color})
        elif curves is info.stopped:
            # a mark at the end of each curve only
            ends = [6.0 if after is None else 0.0 for after in (*x[1:], None)]
            mark = {"symbol": "triangle-down-open", "size": ends, "color": color}
            trace.update(mode="lines+markers", marker=mark)
        figure.add_trace(trace)
    longest = max(curve.epochs[-1] for group in info[:3] for curve in group)
    figure.update_xaxes(range=[0.8, longest + 0.2], dtick=max(1, round(longest / 10)))
    return figure


def _joined(
    curves: tuple[Curve, ...],
) -> tuple[list[float | None], list[float | None], list[int]]:
    """Return all curves as one line with gaps: one trace draws much faster than hundreds."""
    x: list[float | None] = []
    y: list[float | None] = []
    numbers: list[int] = []
    for curve in curves:
        x += [*curve.epochs, None]
        y += [*(100 * value for value in curve.accuracy), None]
        numbers += [curve.number] * (len(curve.epochs) + 1)
    return x, y, numbers


def draw_curves(run: RunRecord) -> Drawing | None:
    """Draw the learning curves of a run; None when there is none."""
    info = curves_info(run)
    if info is None:
        return None
    ends = "; ".join(
        f"trial {curve.number} from {percent_text(curve.accuracy[0])} to "
        f"{percent_text(curve.accuracy[-1])} % in {plural(len(curve.epochs), 'epoch')}"
        for curve in info.front
    )
    description = (
        f"Lines of validation accuracy in percent against epochs. On the front: {ends or 'none'}. "
        f"Beside them {plural(len(info.complete), 'other complete trial')} and "
        f"{len(info.stopped):,} trained in part."
    )
    note = "Curves are with the seed of the search, which chose the front."
    if info.left_out:
        note += f" {plural(info.left_out, 'more curve')} left out, evenly over the run."
    return Drawing("curves", curves_title(info), plot_curves(info), description, note)
