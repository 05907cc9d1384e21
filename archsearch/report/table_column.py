"""Columns of tables, declared once: value, format and meaning."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from archsearch.report.plain_table import PlainTable

Row = TypeVar("Row")


def _always(rows: Sequence[Any]) -> bool:
    return True


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column of a table, for every place that the table is shown in.

    Attributes:
        key: of the value in JSON and CSV; units stand in the key.
        value: row to plain data.
        header: for people; empty for a column that only programs read.
        text: row to its text for people; None for the value as it is.
        about: what it means, in one line; pages show it beside the header.
        words: its texts are words, not numbers: left-aligned, and sorted as words.
        tags: its words are remarks, which a page draws as badges.
        code: a long text of code, which a narrow terminal lists below the numbers.
        minor: a narrow terminal lists it below the table, that with the highest number first; 0
            stays in the rows.
        in_csv: it is flat enough for CSV.
        shown: rows to whether people read it at all, e.g. not where it says nothing.
    """

    key: str
    value: Callable[[Row], Any]
    header: str = ""
    text: Callable[[Row], str] | None = None
    about: str = ""
    words: bool = False
    tags: bool = False
    code: bool = False
    minor: int = 0
    in_csv: bool = True
    shown: Callable[[Sequence[Row]], bool] = _always

    def cell(self, row: Row) -> str:
        """Return what people read."""
        if self.text is not None:
            return self.text(row)
        value = self.value(row)
        return "-" if value is None else str(value)


def tabulate(
    title: str,
    columns: Sequence[Column[Row]],
    rows: Sequence[Row],
    notes: Sequence[str] = (),
    nothing: str = "",
) -> PlainTable:
    """Return the table of ``rows`` that ``columns`` declare.

    Args:
        title: what it shows.
        columns: left to right; values keep this order too.
        rows: one a line.
        notes: lines under the table.
        nothing: what to say when there are no rows.
    """
    shown = [each for each in columns if each.header and each.shown(rows)]
    return PlainTable(
        title=title,
        headings=tuple(each.header for each in shown),
        rows=tuple(tuple(each.cell(row) for each in shown) for row in rows),
        values=tuple({each.key: each.value(row) for each in columns} for row in rows),
        notes=tuple(notes),
        keys=tuple(each.key for each in shown),
        abouts=tuple(each.about for each in shown),
        words=tuple(each.header for each in shown if each.words or each.tags or each.code),
        tags=tuple(each.header for each in shown if each.tags),
        code=tuple(each.header for each in shown if each.code),
        minor=tuple(
            each.header for each in sorted(shown, key=lambda each: -each.minor) if each.minor
        ),
        not_in_csv=tuple(each.key for each in columns if not each.in_csv),
        nothing=nothing,
    )
