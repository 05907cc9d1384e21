"""Our figures for the dashboard, drawn in the background and again after new trials."""

import logging
import threading
import time
from collections.abc import Callable

from archsearch.arch import summary
from archsearch.record import RunRecord
from archsearch.report.figures import (
    Drawing,
    draw_choices,
    draw_correlation,
    draw_curves,
    draw_front,
    draw_latency_check,
    draw_latency_model,
    draw_parallel,
    draw_progress_over_epochs,
    draw_progress_over_time,
    draw_time,
    plot_front,
)
from archsearch.report.front_data import front_info

logger = logging.getLogger(__name__)

_DRAW = (
    draw_front,
    draw_progress_over_time,
    draw_progress_over_epochs,
    draw_curves,
    draw_choices,
    draw_parallel,
    draw_correlation,
    draw_time,
    draw_latency_model,
    draw_latency_check,
)
#: trials whose hover texts have the architecture: they are sent with every request
_MOST_LINES = 1000
_EVERY_S = 10.0
#: share of one core that drawing may take while a run is going on
_SHARE = 0.05


def drawn(run: RunRecord) -> dict[str, str]:
    """Return the figures of a run as plotly's JSON, by a name that is valid as an HTML id."""
    figures = {}
    for place, draw in enumerate(_DRAW, 1):
        drawing = draw(run)
        if drawing is not None:
            figures[f"{place}-{drawing.key}"] = _json(drawing, run)
    return figures


def _json(drawing: Drawing, run: RunRecord) -> str:
    figure = drawing.figure
    if drawing.key == "front":
        lines = {trial.number: summary(trial.arch) for trial in run.trials[-_MOST_LINES:]}
        figure = plot_front(front_info(run), lines)
    # the dashboard has a dark theme, and our text is dark
    figure.update_layout(
        paper_bgcolor="#ffffff",
        plot_bgcolor="#ffffff",
        height=460,
        margin={"t": 60},
        legend={"y": -0.16, "yanchor": "top"},
    )
    text: str = figure.to_json()
    return text


class FigureBook:
    """Keeps the figures of a run up to date, without blocking a request.

    Args:
        run_of: reads the run.
    """

    def __init__(self, run_of: Callable[[], RunRecord]) -> None:
        self._run_of = run_of
        self._figures: dict[str, str] = {}
        self._stamp: object = None
        self._not_before = 0.0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def current(self, stamp: object) -> dict[str, str]:
        """Return the figures as they are; start drawing if they belong to another ``stamp``."""
        with self._lock:
            idle = self._thread is None or not self._thread.is_alive()
            if stamp != self._stamp and idle and time.monotonic() >= self._not_before:
                self._thread = threading.Thread(target=self._draw, args=(stamp,), daemon=True)
                self._thread.start()
            return self._figures

    def wait(self, timeout_s: float) -> None:
        """Wait until drawing has finished."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout_s)

    def _draw(self, stamp: object) -> None:
        began = time.monotonic()
        try:
            figures = drawn(self._run_of())
        except Exception:  # pages without our figures are better than none
            logger.exception("the figures of the dashboard could not be drawn")
            figures = {}
        took = time.monotonic() - began
        with self._lock:
            self._figures, self._stamp = figures or self._figures, stamp
            self._not_before = time.monotonic() + max(_EVERY_S, took / _SHARE)
