"""Known networks against the front: for the terminal, and as plain data."""

from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from archsearch.analysis import front_trials, num_images, versus
from archsearch.record import BaselineRecord, RunRecord
from archsearch.report.units import ms_text, percent_text


def baseline_points(run: RunRecord) -> list[dict[str, Any]]:
    """Return the baselines as plain data, with the front's best that is no slower.

    Keys: those of `archsearch.record.BaselineRecord` without curve and architecture, ``latency_ms``
    and ``latency_interval_ms``, and ``against``: ``trial``, ``gain`` (share), ``interval`` (95 %)
    and ``latency_ratio``; None when the front has nothing as fast.
    """
    points = []
    for each in run.baselines:
        found = versus(front_trials(run), each, num_images(run))
        points.append(
            {
                "name": each.name,
                "accuracy": each.accuracy,
                "test_accuracy": each.test_accuracy,
                "latency_ms": each.latency.median_ms if each.latency else None,
                "latency_interval_ms": list(each.latency.interval_ms) if each.latency else None,
                "params": each.params,
                "macs": each.macs,
                "seed": each.seed,
                "reason": each.reason,
                "against": {
                    "trial": found.trial.number,
                    "gain": found.gain,
                    "interval": list(found.interval) if found.interval else None,
                    "latency_ratio": found.ratio,
                }
                if found
                else None,
            }
        )
    return points


def verdict(run: RunRecord, baseline: BaselineRecord) -> str:
    """Return how the front stands to a baseline, in a few words."""
    if baseline.reason:
        return f"failed: {baseline.reason}"
    found = versus(front_trials(run), baseline, num_images(run))
    if found is None:
        return "faster than every point of the front"
    points = f"{100 * found.gain:+.1f} points"
    if found.interval:
        low, high = (100 * end for end in found.interval)
        points += f" ({low:+.1f} to {high:+.1f})"
        if low <= 0 <= high:
            points += ", a tie in accuracy,"
    return f"trial {found.trial.number}: {points} in {found.ratio:.2f} of the time"


def baseline_table(run: RunRecord) -> Table | None:
    """Return the baselines as a table for the terminal; None when there are none."""
    if not run.baselines:
        return None
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for name in ("baseline", "accuracy %", "latency ms", "the front's best that is no slower"):
        table.add_column(name, overflow="fold")
    for each in run.baselines:
        cells = (
            each.name,
            percent_text(each.accuracy),
            ms_text(each.latency.median_ms if each.latency else None),
            verdict(run, each),
        )
        table.add_row(*(Text(cell) for cell in cells))
    return table
