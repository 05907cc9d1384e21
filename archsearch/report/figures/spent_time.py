"""Where the time went."""

from typing import Any, NamedTuple

import plotly.graph_objects as go

from archsearch.record import RunRecord
from archsearch.report.figures.drawing import FRONT, Drawing, new_figure, plain
from archsearch.report.units import duration_text, percent_text


class TimeInfo(NamedTuple):
    """Seconds by cause, largest first; both tuples are equally long."""

    causes: tuple[str, ...]
    seconds: tuple[float, ...]

    @property
    def shares(self) -> tuple[float, ...]:
        """Share of each cause in the sum of all."""
        total = sum(self.seconds) or 1.0
        return tuple(seconds / total for seconds in self.seconds)


def time_info(run: RunRecord) -> TimeInfo | None:
    """Sort where the time of a run went; None when it was not recorded."""
    spent = {cause: seconds for cause, seconds in run.time_by_cause.items() if seconds > 0}
    if not spent:
        return None
    causes = tuple(sorted(spent, key=lambda cause: -spent[cause]))
    return TimeInfo(causes, tuple(spent[cause] for cause in causes))


def time_title(info: TimeInfo) -> str:
    """Return what the figure shows in one line."""
    return f"{percent_text(info.shares[0], 0)} % of the time went to {info.causes[0]}"


def plot_time(info: TimeInfo) -> Any:
    """Return the figure: one bar a cause, with its share."""
    figure = new_figure(time_title(info), "time, summed over workers (s)", "")
    figure.add_trace(
        go.Bar(
            orientation="h",
            y=[plain(cause) for cause in info.causes],
            x=info.seconds,
            marker={"color": FRONT, "line_width": 0},
            text=[f"{percent_text(share)} %" for share in info.shares],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:,.1f} s<extra></extra>",
        )
    )
    figure.update_yaxes(autorange="reversed", ticks="", showline=False)
    figure.update_xaxes(range=[0, 1.14 * max(info.seconds)])
    figure.update_layout(bargap=0.35, showlegend=False)
    return figure


def draw_time(run: RunRecord) -> Drawing | None:
    """Draw where the time of a run went; None when it was not recorded."""
    info = time_info(run)
    if info is None:
        return None
    parts = zip(info.causes, info.seconds, info.shares, strict=True)
    listed = "; ".join(
        f"{cause} {duration_text(seconds)} ({percent_text(share)} %)"
        for cause, seconds, share in parts
    )
    return Drawing("time", time_title(info), plot_time(info), f"Bars of time by cause: {listed}.")
