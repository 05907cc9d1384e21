"""Figures of a run: for each an info tuple, a plot made from it, and a drawing with its words."""

from archsearch.report.figures.choices import choice_rows, draw_choices, draw_marginals
from archsearch.report.figures.correlation import draw_correlation, plot_correlation
from archsearch.report.figures.curves import CurvesInfo, curves_info, draw_curves, plot_curves
from archsearch.report.figures.drawing import Drawing
from archsearch.report.figures.front import draw_front, plot_front
from archsearch.report.figures.latency_check import (
    LatencyCheckInfo,
    draw_latency_check,
    latency_check_info,
    plot_latency_check,
)
from archsearch.report.figures.latency_model import (
    LatencyModelInfo,
    draw_latency_model,
    latency_model_info,
    plot_latency_model,
)
from archsearch.report.figures.parallel import (
    ParallelInfo,
    draw_parallel,
    parallel_info,
    plot_parallel,
)
from archsearch.report.figures.progress import (
    ProgressInfo,
    draw_progress_over_epochs,
    draw_progress_over_time,
    draw_progress_over_trials,
    plot_progress,
    progress_info,
)
from archsearch.report.figures.spent_time import TimeInfo, draw_time, plot_time, time_info

__all__ = [
    "CurvesInfo",
    "Drawing",
    "LatencyCheckInfo",
    "LatencyModelInfo",
    "ParallelInfo",
    "ProgressInfo",
    "TimeInfo",
    "choice_rows",
    "curves_info",
    "draw_choices",
    "draw_correlation",
    "draw_curves",
    "draw_front",
    "draw_latency_check",
    "draw_latency_model",
    "draw_marginals",
    "draw_parallel",
    "draw_progress_over_epochs",
    "draw_progress_over_time",
    "draw_progress_over_trials",
    "draw_time",
    "latency_check_info",
    "latency_model_info",
    "parallel_info",
    "plot_correlation",
    "plot_curves",
    "plot_front",
    "plot_latency_check",
    "plot_latency_model",
    "plot_parallel",
    "plot_progress",
    "plot_time",
    "progress_info",
    "time_info",
]
