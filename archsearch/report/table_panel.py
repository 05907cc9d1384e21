"""A table on a page: to read, to sort, and to copy as Markdown, LaTeX or CSV."""

from collections.abc import Sequence
from html import escape

from archsearch.report.layout import Panel
from archsearch.report.plain_table import PlainTable, written
from archsearch.report.table_html import page_html

_COPIES = (("md", "Copy as Markdown"), ("latex", "Copy as LaTeX"), ("csv", "Copy as CSV"))


def panel_of(
    key: str,
    table: PlainTable,
    title: str = "",
    *,
    attributes: Sequence[str] = (),
    first: Sequence[str] = (),
    actions: Sequence[str] = (),
    kind: str = "rows plain",
) -> Panel:
    """Return a table with buttons that copy it; see `archsearch.report.table_html.page_html`.

    Args:
        key: unique on the page.
        table: what it shows.
        title: heading; empty for none.
        attributes: of each row, escaped.
        first: HTML of each row's first cell in place of its text, escaped.
        actions: HTML of each row's last cell, escaped.
        kind: class of the element.
    """
    if not table.rows and table.nothing:
        return Panel(key, title, f"<p>{escape(table.nothing)}</p>")
    buttons = "".join(
        f'<button type="button" data-copy="{escape(written([table], kind_))}">{label}</button>'
        for kind_, label in _COPIES
    )
    body = page_html(
        table, f"{key}-rows", attributes=attributes, first=first, actions=actions, kind=kind
    )
    notes = "<br>".join(map(escape, table.notes))
    foot = f'<p class="note">{notes}</p>' if notes else ""
    return Panel(key, title, f'<div class="tools">{buttons}</div>{body}{foot}')
