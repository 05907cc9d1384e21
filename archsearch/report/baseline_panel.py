"""Known networks against the front, as a table of the page."""

from archsearch.record import RunRecord
from archsearch.report.baseline_columns import baseline_table
from archsearch.report.page_layout import Panel
from archsearch.report.table_panel import panel_of


def baseline_panel(run: RunRecord) -> Panel | None:
    """Return the baselines as a table of the page; None when there are none."""
    table = baseline_table(run)
    return panel_of("baseline", table, kind="rows") if table is not None else None
