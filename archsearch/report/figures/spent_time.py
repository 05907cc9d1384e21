"""Where the time went."""

from typing import Any, NamedTuple

import plotly.graph_objects as go

from archsearch.percent import percent_text
from archsearch.record import RunRecord
from archsearch.report.figures.drawing import FRONT, Drawing, new_figure, plain
from archsearch.report.number_format import duration_text

#: what the causes that workers record are called in the figure; others keep their name
_WORDS = {
    "paused": "pauses for latency",
    "setup": "setting up candidates",
    "idle": "waiting for work",
    "lost": "lost with a worker",
    "measuring": "measured latency",
    "waiting_for_quiet": "waited for workers to pause",
    "baselines": "trained baselines",
}
#: causes of the driver: it works beside the workers, so its seconds are no share of theirs
_DRIVER = ("measuring", "waiting_for_quiet", "baselines")


class TimeInfo(NamedTuple):
    """Seconds by cause, largest first; ``causes`` and ``seconds`` are equally long.

    Attributes:
        causes: of worker time, in words.
        seconds: summed over workers.
        driver: cause to seconds of the driver, which works beside them.
    """

    causes: tuple[str, ...]
    seconds: tuple[float, ...]
    driver: tuple[tuple[str, float], ...]

    @property
    def shares(self) -> tuple[float, ...]:
        """Share of each cause in the time of the workers."""
        total = sum(self.seconds) or 1.0
        return tuple(seconds / total for seconds in self.seconds)


def time_info(run: RunRecord) -> TimeInfo | None:
    """Sort where the time of a run went; None when it was not recorded."""
    spent = {cause: seconds for cause, seconds in run.time_by_cause.items() if seconds > 0}
    worker = sorted((cause for cause in spent if cause not in _DRIVER), key=lambda c: -spent[c])
    if not worker:
        return None
    return TimeInfo(
        tuple(_WORDS.get(cause, cause.replace("_", " ")) for cause in worker),
        tuple(spent[cause] for cause in worker),
        tuple((_WORDS[cause], spent[cause]) for cause in _DRIVER if cause in spent),
    )


def time_title(info: TimeInfo) -> str:
    """Return what the figure shows in one line."""
    return f"{percent_text(info.shares[0], 0)} % of the workers' time went to {info.causes[0]}"


def plot_time(info: TimeInfo) -> Any:
    """Return the figure: one bar a cause, with its share."""
    figure = new_figure(time_title(info), "time summed over workers (s)", "")
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
    figure.update_yaxes(autorange="reversed", ticks="", showline=False, ticksuffix="  ")
    figure.update_xaxes(range=[0, 1.4 * max(info.seconds)])
    figure.update_layout(bargap=0.35, showlegend=False)
    return figure


def draw_time(run: RunRecord) -> Drawing | None:
    """Draw where the time of a run went; None when it was not recorded."""
    info = time_info(run)
    if info is None:
        return None
    rows = zip(info.causes, info.seconds, info.shares, strict=True)
    listed = "; ".join(
        f"{cause} {duration_text(seconds)} ({percent_text(share)} %)"
        for cause, seconds, share in rows
    )
    beside = " and ".join(f"{cause} for {duration_text(seconds)}" for cause, seconds in info.driver)
    note = f"Beside them, the driver {beside}." if beside else ""
    description = f"Bars of time summed over workers, by cause: {listed}. {note}".strip()
    return Drawing("time", time_title(info), plot_time(info), description, note)
