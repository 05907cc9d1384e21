"""The importance of a run's parameters and values, as tables; columns declared once."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from archsearch.analysis import Marginal
from archsearch.analysis.regression import Estimate
from archsearch.percent import percent_text
from archsearch.report.importance_findings import measure_line
from archsearch.report.number_format import factor_text, p_text, points_text
from archsearch.report.plain_table import PlainTable
from archsearch.report.table_column import Column, tabulate

if TYPE_CHECKING:
    # its origin loads torch, which a table does not need
    from archsearch.run import ParameterImportance, RunImportance


def importance_table(found: "RunImportance") -> PlainTable:
    """Return the share of each parameter, by two methods, on accuracy and on latency."""
    notes = (
        f"Accuracy: {found.num_accuracy:,} trials trained to the end. Latency: "
        f"{found.num_latency:,} measured ones, on a log scale.",
        measure_line("fANOVA"),
        measure_line("PED-ANOVA"),
        "Neither share says how sure it is: the table of choices does.",
        *found.remarks,
    )
    return tabulate(f"{found.name}: importance", PARAMETER_COLUMNS, found.parameters, notes)


def marginals_table(found: "RunImportance", most_parameters: int | None = None) -> PlainTable:
    """Return each value's accuracy, as it came and at equal latency.

    Args:
        found: what mattered.
        most_parameters: only the values of this many most important parameters; None for all.
    """
    order = [row.name for row in found.parameters]
    chosen = set(order if most_parameters is None else order[:most_parameters])
    notes = (
        measure_line("accuracy at equal latency"),
        "Against the mean of the parameter's values, in points; latency as a change in percent. "
        "Intervals cover 95 % each.",
        "A search does not sample values evenly, so a difference need not be caused by the value. "
        "An ablation answers that.",
    )
    rows = [row for row in found.marginals if row.parameter in chosen]
    return tabulate(f"{found.name}: choices", CHOICE_COLUMNS, rows, notes)


def _share(key: str, header: str, about: str, minor: int = 0) -> Column["ParameterImportance"]:
    return Column(
        key,
        lambda row: getattr(row, key),
        header,
        lambda row: percent_text(getattr(row, key), 0),
        about=about,
        minor=minor,
    )


#: PED-ANOVA stays in a narrow terminal's rows: it knows conditional parameters too
PARAMETER_COLUMNS: tuple[Column["ParameterImportance"], ...] = (
    Column("name", lambda row: row.name, "parameter", words=True),
    Column(
        "num_trials", lambda row: row.num_trials, "trials", about="in which it was active", minor=3
    ),
    _share("accuracy_fanova", "accuracy: fANOVA %", "share of the variance of accuracy", 1),
    _share(
        "accuracy_ped", "accuracy: PED-ANOVA %", "share of what sets the most accurate tenth apart"
    ),
    _share("latency_fanova", "latency: fANOVA %", "share of the variance of log latency", 2),
    _share("latency_ped", "latency: PED-ANOVA %", "share of what sets the fastest tenth apart"),
)


def _estimate(
    name: str,
    key: str,
    header: str = "",
    text: Callable[[Estimate], str] | None = None,
    about: str = "",
    minor: int = 0,
) -> tuple[Column[Marginal], ...]:
    """Return the columns of an estimate: its value and its interval, None where it is not known.

    People read both in one column.
    """

    def of(row: Marginal) -> Estimate:
        estimate: Estimate = getattr(row, name)
        return estimate

    def end(at: int) -> Callable[[Marginal], float | None]:
        return lambda row: of(row).interval()[at] if of(row).df else None

    return (
        Column(
            key,
            lambda row: of(row).value if of(row).df else None,
            header,
            None if text is None else lambda row: text(of(row)),
            about=about,
            minor=minor,
        ),
        Column(f"{key}_low", end(0)),
        Column(f"{key}_high", end(1)),
    )


def _points(estimate: Estimate) -> str:
    if not estimate.df:
        return "-"
    low, high = (points_text(end, 1) for end in estimate.interval())
    return f"{points_text(estimate.value, 1)} ({low} to {high})"


def _factors(estimate: Estimate) -> str:
    low, high = (factor_text(end) for end in estimate.interval())
    return f"{factor_text(estimate.value)} ({low} to {high})"


CHOICE_COLUMNS: tuple[Column[Marginal], ...] = (
    Column("parameter", lambda row: row.parameter, "choice", words=True),
    Column("value", lambda row: row.value, "value", words=True),
    Column("trials", lambda row: row.num_trials, "trials", minor=4),
    Column(
        "accuracy",
        lambda row: row.accuracy,
        "accuracy %",
        lambda row: percent_text(row.accuracy),
        minor=3,
    ),
    *_estimate("difference", "difference"),
    *_estimate(
        "at_latency",
        "at_latency",
        "at equal latency",
        _points,
        "accuracy, with a 95 % interval",
    ),
    *_estimate(
        "latency", "log_latency", "latency", _factors, "change, with a 95 % interval", minor=2
    ),
    Column("p", lambda row: row.p, "p (Holm)", lambda row: p_text(row.p), minor=1),
)
