"""The first latency measurement of the front's trials against the final one."""

from statistics import median
from typing import Any, NamedTuple

import plotly.graph_objects as go

from archsearch.record import LatencyResult, RunRecord
from archsearch.report.figures.drawing import FRONT, OTHER, Drawing, new_figure
from archsearch.report.number_format import ms_text, plural


class LatencyCheckInfo(NamedTuple):
    """Trials that were measured twice; all tuples are equally long.

    Attributes:
        numbers: trial numbers.
        first: measurements that let the trials through.
        final: measurements on a quiet machine at the end.
    """

    numbers: tuple[int, ...]
    first: tuple[LatencyResult, ...]
    final: tuple[LatencyResult, ...]

    @property
    def median_change(self) -> float:
        """Median of final over first, minus 1."""
        pairs = zip(self.first, self.final, strict=True)
        return median(b.median_ms / a.median_ms - 1 for a, b in pairs)


def latency_check_info(run: RunRecord) -> LatencyCheckInfo | None:
    """Collect the trials with a first and a final measurement; None when there is none."""
    rows = [
        (trial.number, trial.latency, trial.final_latency)
        for trial in run.trials
        if trial.latency is not None and trial.final_latency is not None
    ]
    return LatencyCheckInfo(*zip(*rows, strict=True)) if rows else None


def latency_check_title(info: LatencyCheckInfo) -> str:
    """Return what the figure shows in one line."""
    change = 100 * info.median_change
    return f"Measured again at the end, latencies moved by {change:+.1f} % (median)"


def plot_latency_check(info: LatencyCheckInfo) -> Any:
    """Return the figure: final against first measurement, with the line of equality."""
    figure = new_figure(
        latency_check_title(info), "first measurement (ms)", "final measurement (ms)"
    )
    top = 1.06 * max(_ends(result)[1] for result in (*info.first, *info.final))
    figure.add_trace(
        go.Scatter(
            name="equal",
            x=[0, top],
            y=[0, top],
            mode="lines",
            line={"color": OTHER, "width": 1, "dash": "dot"},
            hoverinfo="skip",
        )
    )
    figure.add_trace(
        go.Scatter(
            name="trial",
            x=[result.median_ms for result in info.first],
            y=[result.median_ms for result in info.final],
            error_x=_bars(info.first),
            error_y=_bars(info.final),
            mode="markers",
            marker={"color": FRONT, "size": 7},
            customdata=info.numbers,
            hovertemplate=(
                "<b>trial %{customdata}</b>: first %{x:.3g} ms, final %{y:.3g} ms<extra></extra>"
            ),
        )
    )
    figure.update_xaxes(range=[0, top])
    figure.update_yaxes(range=[0, top])
    figure.update_layout(showlegend=False)
    return figure


def _ends(result: LatencyResult) -> tuple[float, float]:
    """Return the interval; where the spread is unknown no bar."""
    return result.interval_ms or (result.median_ms, result.median_ms)


def _bars(results: tuple[LatencyResult, ...]) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [_ends(result)[1] - result.median_ms for result in results],
        "arrayminus": [result.median_ms - _ends(result)[0] for result in results],
        "color": FRONT,
        "thickness": 1.2,
        "width": 0,
    }


def draw_latency_check(run: RunRecord) -> Drawing | None:
    """Draw the final latencies against the first ones; None when nothing was measured twice."""
    info = latency_check_info(run)
    if info is None:
        return None
    listed = "; ".join(
        f"trial {number}: {ms_text(first.median_ms)}, then {ms_text(final.median_ms)} ms"
        for number, first, final in zip(*info, strict=True)
    )
    return Drawing(
        "latency-check",
        latency_check_title(info),
        plot_latency_check(info),
        f"Scatter plot of {plural(len(info.numbers), 'trial')} measured twice. {listed}.",
        "The first measurement lets a candidate into training, the final one counts on the front.",
    )
