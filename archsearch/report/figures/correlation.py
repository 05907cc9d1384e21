"""Rank correlation between each epoch and the last one."""

from typing import Any

import plotly.graph_objects as go

from archsearch.analysis import RankCorrelation, epoch_correlations
from archsearch.record import RunRecord
from archsearch.report.figures.drawing import FRONT, Drawing, new_figure
from archsearch.report.number_format import plural


def correlation_title(found: tuple[RankCorrelation, ...]) -> str:
    """Return what the figure shows in one line."""
    first = found[0]
    return (
        f"Order after {plural(int(first.early), 'epoch')} against {first.late}: "
        f"tau {first.tau:.2f}, n = {first.n:,}"
    )


def plot_correlation(found: tuple[RankCorrelation, ...]) -> Any:
    """Return the figure: Kendall's tau-b of every epoch against the last, with intervals."""
    figure = new_figure(correlation_title(found), "epoch", "Kendall's tau with the last epoch")
    figure.add_trace(
        go.Scatter(
            x=[each.early for each in found],
            y=[each.tau for each in found],
            mode="lines+markers",
            line={"color": FRONT, "width": 1, "dash": "dot"},
            marker={"color": FRONT, "size": 8},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [each.interval[1] - each.tau for each in found],
                "arrayminus": [each.tau - each.interval[0] for each in found],
                "color": FRONT,
                "thickness": 1.4,
                "width": 0,
            },
            customdata=[(each.n, *each.interval) for each in found],
            hovertemplate=(
                "epoch %{x}: tau %{y:.2f} (%{customdata[1]:.2f} to %{customdata[2]:.2f}), "
                "n = %{customdata[0]}<extra></extra>"
            ),
        )
    )
    last = found[-1].early
    lowest = min(0.0, *(each.interval[0] for each in found))
    figure.update_xaxes(range=[0.5, last + 0.5], dtick=max(1, round(last / 10)))
    figure.update_yaxes(range=[lowest - 0.05, 1.05])
    figure.update_layout(showlegend=False)
    return figure


def draw_correlation(run: RunRecord) -> Drawing | None:
    """Draw the rank correlation between epochs; None with fewer than five trials."""
    found = epoch_correlations(run.trials)
    if not found:
        return None
    listed = "; ".join(
        f"epoch {each.early}: {each.tau:.2f} ({each.interval[0]:.2f} to {each.interval[1]:.2f})"
        for each in found
    )
    description = (
        f"Kendall's tau-b between accuracy after each epoch and after epoch {found[0].late}, "
        f"with 95 % intervals. {listed}."
    )
    note = (
        f"1 is the same order, 0 none. Over {plural(found[0].n, 'complete trial')}: those stopped "
        "early are missing, and they were the weak ones."
    )
    return Drawing(
        "correlation", correlation_title(found), plot_correlation(found), description, note
    )
