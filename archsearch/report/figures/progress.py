"""Progress of a search: best accuracy and hypervolume against time, trials and epochs."""

from typing import Any, Literal, NamedTuple

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from archsearch.analysis import Reference, progress, reference_point
from archsearch.percent import percent_text
from archsearch.record import RunRecord
from archsearch.report.figures.drawing import FRONT, SECOND, Drawing, style
from archsearch.report.number_format import duration_text, plural

Against = Literal["seconds", "trials", "epochs"]
_AXES = {
    "seconds": "time since the start (s)",
    "trials": "trained candidates",
    "epochs": "epochs trained",
}


class ProgressInfo(NamedTuple):
    """The points at which best accuracy or hypervolume changed, and the end.

    Attributes:
        against: what x counts.
        x: (N,) never falling.
        best_accuracy: (N,) 0 to 1.
        hypervolume: (N,) share of the reference's area.
        reference: where hypervolume is counted from.
        settled: x after which the hypervolume gained less than 1 % of its final value.
    """

    against: Against
    x: tuple[float, ...]
    best_accuracy: tuple[float, ...]
    hypervolume: tuple[float, ...]
    reference: Reference
    settled: float


def progress_info(run: RunRecord, against: Against) -> ProgressInfo | None:
    """Compute the curves of progress; None before the first complete trial within budget."""
    reference = reference_point(run)
    found = progress(run.trials, reference, run.budget_ms)
    x = getattr(found, against).astype(np.float64)
    known = ~np.isnan(found.best_accuracy) & ~np.isnan(x)
    if not known.any():
        return None
    x, best, volume = x[known], found.best_accuracy[known], found.hypervolume[known]
    changed = np.ones(len(x), dtype=bool)
    changed[1:-1] = (np.diff(best)[:-1] != 0) | (np.diff(volume)[:-1] != 0)
    settled = x[np.argmax(volume >= 0.99 * volume[-1])]
    return ProgressInfo(
        against,
        tuple(x[changed].tolist()),
        tuple(best[changed].tolist()),
        tuple(volume[changed].tolist()),
        reference,
        float(settled),
    )


def plot_progress(info: ProgressInfo) -> Any:
    """Return the figure: best accuracy above, hypervolume below, on one x axis."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.09)
    x_label = _AXES[info.against]
    rows = (
        ("best accuracy", [100 * value for value in info.best_accuracy], FRONT, "%{y:.1f} %"),
        ("hypervolume", list(info.hypervolume), SECOND, "%{y:.3f}"),
    )
    for row, (name, values, color, shown) in enumerate(rows, start=1):
        trace = go.Scatter(
            name=name,
            x=info.x,
            y=values,
            mode="lines",
            line={"shape": "hv", "color": color, "width": 2},
            hovertemplate=f"{name} {shown} at %{{x:,.0f}} {_unit(info)}<extra></extra>",
        )
        figure.add_trace(trace, row=row, col=1)
    style(figure, progress_title(info), "", "best, selected seed (%)")
    axis = figure.layout.xaxis.to_plotly_json()
    figure.update_layout(
        xaxis={"showticklabels": False},
        xaxis2={**axis, "title_text": x_label, "showticklabels": True, "rangemode": "tozero"},
        yaxis2={
            **figure.layout.yaxis.to_plotly_json(),
            "title_text": "hypervolume (share)",
            "domain": figure.layout.yaxis2.domain,
        },
        showlegend=False,
    )
    # the copied axes have anchor and matches
    figure.update_layout(
        xaxis={"anchor": "y", "matches": "x2"}, xaxis2={"anchor": "y2", "matches": None}
    )
    figure.update_layout(yaxis={"anchor": "x"}, yaxis2={"anchor": "x2"})
    return figure


def _unit(info: ProgressInfo) -> str:
    return {"seconds": "s", "trials": "candidates", "epochs": "epochs"}[info.against]


def _place(info: ProgressInfo, x: float) -> str:
    if info.against == "seconds":
        return duration_text(x)
    return plural(round(x), "trained candidate" if info.against == "trials" else "epoch")


def progress_title(info: ProgressInfo) -> str:
    """Return what the figure shows in one line."""
    return f"99 % of the final hypervolume was there after {_place(info, info.settled)}"


def _draw(run: RunRecord, against: Against) -> Drawing | None:
    info = progress_info(run, against)
    if info is None:
        return None
    description = (
        f"Two step curves against {_AXES[against]}. Best accuracy rises from "
        f"{percent_text(info.best_accuracy[0])} % to {percent_text(info.best_accuracy[-1])} %; "
        f"hypervolume rises from {info.hypervolume[0]:.3f} to {info.hypervolume[-1]:.3f} and "
        f"gains less than 1 % after {_place(info, info.settled)}."
    )
    corner = info.reference
    note = (
        f"Hypervolume: share of the area between guessing ({percent_text(corner.accuracy)} %) at "
        f"{corner.latency_ms:.3g} ms and a perfect answer in no time."
    )
    key = f"progress-{against}"
    return Drawing(key, progress_title(info), plot_progress(info), description, note)


def draw_progress_over_time(run: RunRecord) -> Drawing | None:
    """Draw best accuracy and hypervolume against seconds."""
    return _draw(run, "seconds")


def draw_progress_over_trials(run: RunRecord) -> Drawing | None:
    """Draw best accuracy and hypervolume against the number of trained candidates."""
    return _draw(run, "trials")


def draw_progress_over_epochs(run: RunRecord) -> Drawing | None:
    """Draw best accuracy and hypervolume against the epochs spent."""
    return _draw(run, "epochs")
