"""The front as plain data: what ``front.json`` holds."""

from typing import Any

from archsearch.record import RunRecord
from archsearch.report.run_tables import front_table


def front_points(run: RunRecord) -> list[dict[str, Any]]:
    """Return one mapping for every trial of the front, by increasing latency.

    Keys are those of `archsearch.report.front_columns.FRONT_COLUMNS`. Of accuracies (0 to 1),
    ``accuracy`` is the one that every page and table leads with: the mean over ``accuracy_seeds``
    other seeds, or with 0 of them that of the search seed; ``selected_accuracy`` is always
    that of the search seed. Intervals of accuracies are pairs and
    cover 95 %, that of ``faster_difference``
    (against the next faster trial, over other seeds) for all trials together. That of a latency is
    the interval, None where the spread is unknown. ``teacher`` is there where candidates learned
    from one.
    """
    teacher = {"teacher": run.teacher} if run.teacher else {}
    return [{**row, **teacher} for row in front_table(run).values]
