"""A table as HTML, for pages and notebooks; everything is escaped."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archsearch.report.plain_table import PlainTable


def table_in_notebook(table: "PlainTable") -> str:
    """Return a small table that needs no script and no other file."""
    if not table.rows and table.nothing:
        return f"<p>{escape(table.nothing)}</p>"
    heads = "".join(
        f'<th style="{_align(table, at)}"{_about(table, at)}>{escape(heading)}</th>'
        for at, heading in enumerate(table.headings)
    )
    rows = "".join(
        "<tr>"
        + "".join(
            f'<td style="{_align(table, at)}">{cell_html(table, at, cell)}</td>'
            for at, cell in enumerate(row)
        )
        + "</tr>"
        for row in table.rows
    )
    notes = "".join(f"<div><small>{escape(note)}</small></div>" for note in table.notes)
    return (
        f"<div><table><caption>{escape(table.title)}</caption><thead><tr>{heads}</tr></thead>"
        f"<tbody>{rows}</tbody></table>{notes}</div>"
    )


def page_html(
    table: "PlainTable",
    key: str,
    *,
    attributes: Sequence[str] = (),
    first: Sequence[str] = (),
    actions: Sequence[str] = (),
    kind: str = "rows",
) -> str:
    """Return a table of a page, which sorts by its columns.

    Args:
        table: what it shows.
        key: id of the element.
        attributes: of each row, escaped.
        first: HTML of each row's first cell in place of its text, escaped.
        actions: HTML of each row's last cell, escaped; none for no such column.
        kind: class of the element.
    """
    heads = "".join(
        f'<th scope="col" data-kind="{"text" if _is_words(table, at) else "number"}"'
        f'{_about(table, at)}><button type="button">{escape(label(heading))}</button></th>'
        for at, heading in enumerate(table.headings)
    )
    if actions:
        heads += '<th scope="col"><span class="unseen">Export</span></th>'
    lines = []
    for place, row in enumerate(table.rows):
        cells = "".join(
            f'<td{_words_class(table, at)} data-label="{escape(label(table.headings[at]))}" '
            f'data-value="{_sort_value(table, place, at)}">'
            f"{first[place] if first and at == 0 else cell_html(table, at, cell)}</td>"
            for at, cell in enumerate(row)
        )
        extra = f'<td class="act">{actions[place]}</td>' if actions else ""
        own = f" {attributes[place]}" if attributes else ""
        lines.append(f"<tr{own}>{cells}{extra}</tr>")
    return (
        f'<table class="{kind}" id="{escape(key)}"><caption class="unseen">{escape(table.title)}'
        f"</caption><thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    )


def label(heading: str) -> str:
    """Return a heading as a page writes it, with a capital."""
    return heading[:1].upper() + heading[1:]


def cell_html(table: "PlainTable", at: int, text: str) -> str:
    """Return a cell; what stands in brackets at its end is smaller."""
    heading = table.headings[at]
    if heading in table.tags:
        words = filter(None, text.split(", "))
        return " ".join(f'<span class="badge">{escape(word)}</span>' for word in words)
    if heading in table.code:
        return f"<code>{escape(text)}</code>"
    start, bracket, rest = text.partition(" (")
    if not bracket or not rest.endswith(")"):
        return escape(text)
    return f"{escape(start)} <small>({escape(rest)}</small>"


def _about(table: "PlainTable", at: int) -> str:
    about = table.abouts[at] if table.abouts else ""
    return f' title="{escape(about)}"' if about else ""


def _is_words(table: "PlainTable", at: int) -> bool:
    return table.headings[at] in table.words or not _key(table, at)


def _words_class(table: "PlainTable", at: int) -> str:
    heading = table.headings[at]
    plain = heading in table.words and heading not in (*table.tags, *table.code)
    return ' class="words"' if plain else ""


def _align(table: "PlainTable", at: int) -> str:
    return f"text-align: {'left' if table.headings[at] in table.words or at == 0 else 'right'}"


def _key(table: "PlainTable", at: int) -> str:
    return table.keys[at] if table.keys else ""


def _sort_value(table: "PlainTable", place: int, at: int) -> str:
    value = table.values[place].get(_key(table, at))
    return str(value) if isinstance(value, int | float) else ""
