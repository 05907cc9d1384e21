"""How a table fits a terminal: all in rows, with brackets below, or with long texts in a list."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from archsearch.report.plain_table import PlainTable


def printed(table: "PlainTable", console: Console, options: ConsoleOptions) -> RenderResult:
    """Yield title, table and notes in the widest form that fits the width."""
    if not table.rows and table.nothing:
        yield Text(table.nothing)
        return
    if table.title:
        yield Text(table.title)
    forms = _forms(table)
    # a measurement is cut to the width it is made for
    roomy = options.update(max_width=10_000)
    fitting = (
        form
        for form in forms
        if Measurement.get(console, roomy, form[0]).maximum <= options.max_width
    )
    chosen, rest = next(fitting, forms[-1])
    yield chosen
    for note in table.notes:
        yield Text(note)
    if rest is not None:
        yield Text()
        yield rest


def _forms(table: "PlainTable") -> list[tuple[Table, Table | None]]:
    """Return the forms from the widest to the narrowest, each with what is listed below it."""
    code = [at for at, heading in enumerate(table.headings) if heading in table.code]
    every = range(len(table.headings))
    short = [at for at in every if at not in code]
    below = _listed(table, code) if code else None
    forms = [(_grid(table, every, False), None)]
    if code:
        forms.append((_grid(table, short, False), below))
    return [*forms, (_grid(table, short, True), below)]


def _grid(table: "PlainTable", columns: Sequence[int], stacked: bool) -> Table:
    """Return a table of some columns; ``stacked`` puts brackets under their values."""
    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for at in columns:
        heading = table.headings[at]
        numbers = heading not in table.words and at > 0
        cells = [_cell(row[at], stacked) for row in table.rows]
        words = [word for cell in cells for word in cell.split()]
        grid.add_column(
            Text("" if heading in table.tags else heading),
            justify="right" if numbers and not _bracketed(cells) else "left",
            overflow="fold",
            # break between words only, where a column may break at all
            min_width=0 if stacked else max(map(len, words), default=0),
        )
    for row in table.rows:
        grid.add_row(*(Text(_cell(row[at], stacked)) for at in columns))
    return grid


def _cell(text: str, stacked: bool) -> str:
    return text.replace(" (", "\n(") if stacked else text


def _bracketed(cells: Sequence[str]) -> bool:
    """Return whether an interval follows each number, which then lines up at the left."""
    return any("(" in cell for cell in cells)


def _listed(table: "PlainTable", columns: Sequence[int]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(justify="right", no_wrap=True)
    for _ in columns:
        grid.add_column(overflow="fold")
    for name, texts in _named(table, columns):
        grid.add_row(Text(name), *map(Text, texts))
    return grid


def _named(table: "PlainTable", columns: Sequence[int]) -> Iterator[tuple[str, list[str]]]:
    for row in table.rows:
        yield row[0], [row[at] for at in columns]
