"""What mattered in a run, as tables: parameters, and each of their values."""

from typing import TYPE_CHECKING, Any

from archsearch.analysis import Marginal
from archsearch.analysis.regression import Estimate
from archsearch.percent import percent_text
from archsearch.report.importance_words import measure_line
from archsearch.report.plain_table import PlainTable
from archsearch.report.units import factor_text, points_text

if TYPE_CHECKING:
    # what made it loads torch, and a table needs none
    from archsearch.search import RunImportance


def importance_table(found: "RunImportance") -> PlainTable:
    """Return the share of each parameter, by two methods, on accuracy and on latency."""
    headings = (
        "parameter",
        "trials",
        "accuracy: fANOVA %",
        "PED-ANOVA %",
        "latency: fANOVA %",
        "PED-ANOVA %",
    )
    rows = tuple(
        (row.name, str(row.num_trials), *(percent_text(share, 0) for share in row[2:]))
        for row in found.parameters
    )
    values = tuple(row._asdict() for row in found.parameters)
    notes = (
        f"Accuracy: {found.num_accuracy:,} trials trained to the end. Latency: "
        f"{found.num_latency:,} measured ones, on a log scale.",
        measure_line("fANOVA"),
        measure_line("PED-ANOVA"),
        "Neither share says how sure it is: the table of choices does.",
    )
    title = f"{found.name}: importance"
    return PlainTable(title, headings, rows, values, notes, words=("parameter",))


def marginals_table(found: "RunImportance", most_parameters: int | None = None) -> PlainTable:
    """Return each value's accuracy, as it came and at equal latency.

    Args:
        found: what mattered.
        most_parameters: only the values of the most important so many; None for all.
    """
    order = [row.name for row in found.parameters]
    chosen = set(order if most_parameters is None else order[:most_parameters])
    shown = [row for row in found.marginals if row.parameter in chosen]
    headings = (
        "choice",
        "value",
        "trials",
        "accuracy %",
        "at equal latency",
        "95 % interval",
        "latency",
        "95 % interval",
        "p (Holm)",
    )
    rows = tuple(
        (
            row.parameter,
            str(row.value),
            str(row.num_trials),
            percent_text(row.accuracy),
            points_text(row.at_latency.value if row.at_latency.df else None, 1),
            _points(row.at_latency),
            factor_text(row.latency.value),
            _factors(row.latency),
            "< 0.001" if row.p < 0.001 else f"{row.p:.3f}",
        )
        for row in shown
    )
    notes = (
        measure_line("accuracy at equal latency"),
        "Against the mean of the parameter's values, in points; latency as a change in percent. "
        "Intervals cover 95 % each.",
        "A search does not try values evenly: what goes with a value need not come from it. An "
        "ablation tells.",
    )
    values = tuple(_values(row) for row in shown)
    title = f"{found.name}: choices"
    return PlainTable(title, headings, rows, values, notes, words=("choice", "value"))


def _values(row: Marginal) -> dict[str, Any]:
    values: dict[str, Any] = {
        "parameter": row.parameter,
        "value": row.value,
        "trials": row.num_trials,
        "accuracy": row.accuracy,
    }
    for name in ("difference", "at_latency", "latency"):
        estimate: Estimate = getattr(row, name)
        low, high = estimate.interval()
        known = estimate.df > 0
        key = "log_latency" if name == "latency" else name
        values[key] = estimate.value if known else None
        values[f"{key}_low"] = low if known else None
        values[f"{key}_high"] = high if known else None
    return values | {"p": row.p}


def _points(estimate: Estimate) -> str:
    if not estimate.df:
        return "-"
    low, high = estimate.interval()
    return f"{points_text(low, 1)} to {points_text(high, 1)}"


def _factors(estimate: Estimate) -> str:
    low, high = (factor_text(end) for end in estimate.interval())
    return f"{low} to {high}"
