"""A plain table on a page: to read, and to copy as Markdown, LaTeX or CSV."""

from collections.abc import Sequence
from html import escape

from archsearch.report.layout import Panel
from archsearch.report.plain_table import PlainTable, written

_COPIES = (("md", "Copy as Markdown"), ("latex", "Copy as LaTeX"), ("csv", "Copy as CSV"))


def table_panel(key: str, table: PlainTable, title: str = "") -> Panel:
    """Return a table with buttons that copy it.

    Args:
        key: unique on the page.
        table: what it shows.
        title: heading; empty for none.
    """
    buttons = "".join(
        f'<button type="button" data-copy="{escape(written([table], kind))}">{label}</button>'
        for kind, label in _COPIES
    )
    heads = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in table.headings)
    rows = "".join(_row(table.headings, row) for row in table.rows)
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in table.notes)
    return Panel(
        key,
        title,
        f'<div class="tools">{buttons}</div><table class="rows plain" id="{key}-rows">'
        f'<caption class="unseen">{escape(table.title)}</caption><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table>{notes}",
    )


def _row(headings: Sequence[str], cells: Sequence[str]) -> str:
    shown = zip(headings, cells, strict=True)
    inside = "".join(f"<td{_kind(h)}>{_cell(cell)}</td>" for h, cell in shown)
    return f"<tr>{inside}</tr>"


def _kind(heading: str) -> str:
    words = ' class="words"' if heading == "verdict" else ""
    return f'{words} data-label="{escape(heading)}"'


def _cell(text: str) -> str:
    """Return a cell; what stands in brackets at its end goes on a line of its own."""
    first, bracket, rest = text.partition(" (")
    if not bracket or not rest.endswith(")"):
        return escape(text)
    return f"{escape(first)} <small>({escape(rest)}</small>"
