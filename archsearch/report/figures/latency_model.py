"""Latency predicted from choices and counts, against what was measured."""

import math
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from archsearch.analysis import leave_one_out, one_hot
from archsearch.percent import percent_text
from archsearch.record import RunRecord
from archsearch.report.figures.drawing import FRONT, GRID, OTHER, Drawing, new_figure
from archsearch.report.latency_verdicts import INTERVAL
from archsearch.report.number_format import plural

FEWEST_TRIALS = 16
#: more points than this are thinned for drawing; the errors are over all of them
MOST_POINTS = 1500


class LatencyModelInfo(NamedTuple):
    """Predictions of a model that has not seen the trial; all tuples are equally long.

    Attributes:
        numbers: trial numbers.
        measured: first measurement in ms.
        predicted: in ms.
        low_ms: lower end of the measurement's interval; NaN where it is unknown.
        high_ms: its upper end.
        typical: median error: larger over smaller, minus 1.
        band: error that 95 % of the trials keep.
        n: trials behind the errors.
    """

    numbers: tuple[int, ...]
    measured: tuple[float, ...]
    predicted: tuple[float, ...]
    low_ms: tuple[float, ...]
    high_ms: tuple[float, ...]
    typical: float
    band: float
    n: int


def latency_model_info(run: RunRecord) -> LatencyModelInfo | None:
    """Predict each trial's latency from the others; None with too few measured trials."""
    known = [t for t in run.trials if t.choices and t.latency is not None]
    if len(known) < FEWEST_TRIALS:
        return None
    results = [trial.latency for trial in known if trial.latency is not None]
    measured = np.array([result.median_ms for result in results])
    counts = np.log([[t.params or 1, t.macs or 1] for t in known])
    counts = (counts - counts.mean(axis=0)) / (counts.std(axis=0) + 1e-9)
    features = np.hstack((counts, one_hot([trial.choices for trial in known])))
    predicted = np.exp(leave_one_out(features, np.log(measured)))
    # too high by half and too low by a third are the same error
    errors = np.exp(np.abs(np.log(predicted / measured))) - 1.0
    shown = range(0, len(known), -(-len(known) // MOST_POINTS))
    return LatencyModelInfo(
        tuple(known[at].number for at in shown),
        tuple(float(measured[at]) for at in shown),
        tuple(float(predicted[at]) for at in shown),
        tuple((results[at].interval_ms or (math.nan, math.nan))[0] for at in shown),
        tuple((results[at].interval_ms or (math.nan, math.nan))[1] for at in shown),
        float(np.median(errors)),
        float(np.quantile(errors, 0.95)),
        len(known),
    )


def latency_model_title(info: LatencyModelInfo) -> str:
    """Return what the figure shows in one line."""
    return (
        f"Choices and counts predict latency to {percent_text(info.typical, 0)} % (median), "
        f"95 % of trials within {percent_text(info.band, 0)} %"
    )


def plot_latency_model(info: LatencyModelInfo) -> Any:
    """Return the figure: predicted against measured, with the band that 95 % keep."""
    figure = new_figure(latency_model_title(info), "measured (ms)", "predicted (ms)")
    low = 0.9 * min(*info.measured, *info.predicted)
    high = 1.1 * max(*info.measured, *info.predicted)
    # the bars of a noisy few may reach far: the view is that of the medians
    ends, beyond = [low, high], 1 + info.band
    figure.add_trace(
        go.Scatter(
            name="95 % of trials",
            x=[*ends, *reversed(ends)],
            y=[low / beyond, high / beyond, high * beyond, low * beyond],
            mode="lines",
            fill="toself",
            fillcolor=GRID,
            line={"width": 0, "color": GRID},
            hoverinfo="skip",
        )
    )
    line = {"color": OTHER, "width": 1, "dash": "dot"}
    figure.add_trace(
        go.Scatter(name="equal", x=ends, y=ends, mode="lines", line=line, hoverinfo="skip")
    )
    pairs = zip(info.measured, info.low_ms, info.high_ms, strict=True)
    below, above = zip(*((x - a, b - x) for x, a, b in pairs), strict=True)
    figure.add_trace(
        go.Scatter(
            name="trial",
            x=info.measured,
            y=info.predicted,
            mode="markers",
            marker={"color": FRONT, "size": 5.5, "opacity": 0.75, "line_width": 0},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": above,
                "arrayminus": below,
                "color": FRONT,
                "thickness": 0.7,
                "width": 0,
                "visible": len(info.numbers) <= 300,
            },
            customdata=info.numbers,
            hovertemplate=(
                "<b>trial %{customdata}</b>: measured %{x:.3g} ms, predicted %{y:.3g} ms"
                "<extra></extra>"
            ),
        )
    )
    span = [math.log10(low), math.log10(high)]
    figure.update_xaxes(type="log", range=span, dtick="D2")
    figure.update_yaxes(type="log", range=span, dtick="D2")
    figure.update_layout(showlegend=False)
    return figure


def draw_latency_model(run: RunRecord) -> Drawing | None:
    """Draw predicted against measured latency; None with too few measured trials."""
    info = latency_model_info(run)
    if info is None:
        return None
    return Drawing(
        "latency-model",
        latency_model_title(info),
        plot_latency_model(info),
        f"Scatter plot of {plural(info.n, 'trial')}, predicted against measured latency in "
        f"milliseconds, both axes logarithmic. Half of the predictions are within "
        f"{percent_text(info.typical)} %, 95 % within {percent_text(info.band)} % (the grey band).",
        "Each trial is predicted by a linear model of choices, parameters and MACs that has seen "
        f"the other trials only. Bars are each measurement's {INTERVAL}.",
    )
