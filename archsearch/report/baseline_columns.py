"""Known networks against the front: their columns, declared once."""

from typing import Any, NamedTuple

from archsearch.analysis import (
    Reported,
    Versus,
    baseline_accuracies,
    front_trials,
    num_images,
    versus,
)
from archsearch.percent import percent_interval_text, percent_text
from archsearch.record import BaselineRecord, RunRecord
from archsearch.report.number_format import count_text, ms_interval_text, ms_text, points_text
from archsearch.report.plain_table import PlainTable
from archsearch.report.table_column import Column, tabulate

_NOTE = (
    "Same recipe, data, input and probe as the candidates, from new weights: what their own "
    "papers' recipes reach is another question."
)


class BaselineRow(NamedTuple):
    """A known network, and the front's best that is no slower; None when there is none."""

    baseline: BaselineRecord
    reported: Reported | None
    against: Versus | None


def verdict(row: BaselineRow) -> str:
    """Return how the front compares with a baseline, in a few words."""
    if why := row.baseline.reason:
        return why if why.startswith("not trained: ") else f"failed: {why}"
    found = row.against
    if found is None:
        return "faster than every point of the front"
    points = f"{points_text(found.gain, 1)} points"
    if found.interval:
        low, high = found.interval
        points += f" ({points_text(low, 1)} to {points_text(high, 1)})"
        if low <= 0 <= high:
            points += ", a tie in accuracy,"
    return f"trial {found.trial.number}: {points} in {found.ratio:.2f} of the time"


def _accuracy(row: BaselineRow) -> str:
    if row.reported is None:
        return percent_text(None)
    text, interval = percent_text(row.reported.value), row.reported.interval
    return text if interval is None else f"{text} ({percent_interval_text(*interval)})"


def _interval(row: BaselineRow) -> list[float] | None:
    found = row.reported
    return list(found.interval) if found is not None and found.interval else None


def _latency(row: BaselineRow) -> str:
    known = row.baseline.latency
    if known is None:
        return "-"
    spread = ms_interval_text(known.interval_ms)
    return f"{ms_text(known.median_ms)} ({spread}, {known.verdict})"


def _against(row: BaselineRow) -> dict[str, Any] | None:
    found = row.against
    if found is None:
        return None
    return {
        "trial": found.trial.number,
        "gain": found.gain,
        "interval": list(found.interval) if found.interval else None,
        "latency_ratio": found.ratio,
    }


def _float_accuracy(row: BaselineRow) -> float | None:
    found = row.baseline.quantization
    return found.float_accuracy if found else None


BASELINE_COLUMNS: tuple[Column[BaselineRow], ...] = (
    Column("name", lambda row: row.baseline.name, "baseline", words=True),
    Column(
        "accuracy",
        lambda row: row.reported.value if row.reported else None,
        "accuracy %",
        _accuracy,
        about="on the validation split, mean over its seeds, by which nothing was chosen",
    ),
    Column("accuracy_interval", _interval),
    Column("seeds", lambda row: row.baseline.seed_accuracies),
    Column(
        "test_accuracy",
        lambda row: row.baseline.test_accuracy,
        "test %",
        lambda row: percent_text(row.baseline.test_accuracy),
        about="on the test split",
        minor=1,
    ),
    Column(
        "float_accuracy",
        _float_accuracy,
        "float32 %",
        lambda row: percent_text(_float_accuracy(row)),
        about="validation accuracy of the same weights in float32; others are in int8",
        minor=1,
        shown=lambda rows: any(_float_accuracy(row) is not None for row in rows),
    ),
    Column(
        "latency_ms",
        lambda row: row.baseline.latency.median_ms if row.baseline.latency else None,
        "latency ms",
        _latency,
    ),
    Column(
        "latency_interval_ms",
        lambda row: (
            list(known.interval_ms)
            if (known := row.baseline.latency) is not None and known.interval_ms
            else None
        ),
    ),
    Column(
        "latency_verdict",
        lambda row: row.baseline.latency.verdict if row.baseline.latency else None,
    ),
    Column(
        "params",
        lambda row: row.baseline.params,
        "params",
        lambda row: count_text(row.baseline.params),
        minor=2,
    ),
    Column(
        "macs",
        lambda row: row.baseline.macs,
        "MACs",
        lambda row: count_text(row.baseline.macs),
        minor=3,
    ),
    Column("seed", lambda row: row.baseline.seed),
    Column("reason", lambda row: row.baseline.reason),
    Column("against", _against, "the front's best that is no slower", verdict, words=True),
)


def baseline_rows(run: RunRecord) -> tuple[BaselineRow, ...]:
    """Return the baselines of a run, each with what the front has against it."""
    front, n, reported = front_trials(run), num_images(run), baseline_accuracies(run)
    return tuple(
        BaselineRow(each, reported.get(each.name), versus(front, each, reported.get(each.name), n))
        for each in run.baselines
    )


def baseline_table(run: RunRecord) -> PlainTable | None:
    """Return the baselines as a table; None when there are none."""
    if not run.baselines:
        return None
    title = "Known networks, trained and measured as the candidates were"
    notes = [_NOTE]
    if run.teacher:
        notes.append(f"They learned from the teacher of the candidates too: {run.teacher}.")
    if run.inherits:
        title = "Known networks, trained from scratch and measured as the candidates were"
        notes.append(
            "The candidates began with inherited weights: a difference in accuracy is that of the "
            "start too."
        )
    return tabulate(title, BASELINE_COLUMNS, baseline_rows(run), notes)
