"""Fits a table to a terminal: all in rows, with brackets below, or with long texts in a list."""

import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from archsearch.report.plain_table import PlainTable

#: blanks between two columns
_GAP = 2
#: begins the command at the end of a note
_COMMAND = ": archsearch "


def printed(table: "PlainTable", console: Console, options: ConsoleOptions) -> RenderResult:
    """Yield title, table and notes in the widest form that fits the width."""
    if not table.rows and table.nothing:
        yield Text(table.nothing)
        return
    if table.title:
        yield Text(table.title)
    grid, numbers, code = _fitted(table, options.max_width)
    yield grid
    for note in table.notes:
        yield from _lines(note)
    if numbers:
        yield Text()
        below = _numbers_below(table, numbers, options.max_width)
        assert below is not None, "only numbers that fit are listed"
        yield below
    if code:
        yield Text()
        yield _below(table, code)


def _lines(note: str) -> Iterator[Text]:
    """Yield a note; a command at its end is a line of its own, which is never broken."""
    start, colon, command = note.partition(_COMMAND)
    if not colon:
        yield Text(note)
        return
    yield Text(f"{start}:")
    yield Text(f"  {_COMMAND.removeprefix(': ')}{command}", no_wrap=True, overflow="ignore")


def _fitted(table: "PlainTable", width: int) -> tuple[Table, list[int], list[int]]:
    """Return the widest form that fits, and which numbers and which code are listed below it.

    The forms: everything in rows; long texts of code below; brackets under their values, and
    words wrapped between words; then one minor column after the other below too; and if that is
    not enough, the same with headings wrapped and names broken after dots. No number is torn from
    its unit, and no interval is: where there is no room for that, each row is a list.
    """
    every = list(range(len(table.headings)))
    code = [at for at in every if table.headings[at] in table.code]
    short = [at for at in every if at not in code]
    for columns in (every, short):
        cells = [_texts(table, at, stacked=0) for at in columns]
        widths = [max(map(_longest_line, each)) for each in cells]
        if _total(widths) <= width:
            return _grid(table, columns, cells, widths), [], code if columns is short else []
    minor = [table.headings.index(heading) for heading in table.minor]
    for broken, count in product((False, True), range(len(minor) + 1)):
        below = sorted(minor[:count])
        columns = [at for at in short if at not in below]
        if below and _numbers_below(table, below, width) is None:
            continue
        for stacked in (1, 2):
            cells = [_texts(table, at, stacked) for at in columns]
            most = [max(map(_longest_line, each)) for each in cells]
            least = [
                _least(table, at, each, broken) for at, each in zip(columns, cells, strict=True)
            ]
            if _total(least) <= width:
                widths = _shared(least, most, width)
                if broken:
                    cells = [
                        [_after_dots(text, room) for text in each] if _is_words(table, at) else each
                        for at, each, room in zip(columns, cells, widths, strict=True)
                    ]
                return _grid(table, columns, cells, widths), below, code
    return _records(table, every), [], []


def _least(table: "PlainTable", at: int, texts: Sequence[str], broken: bool) -> int:
    """Return the least width of a column.

    Args:
        table: the table.
        at: place of the column.
        texts: heading and cells.
        broken: headings are wrapped, and names broken after dots.
    """
    if _is_words(table, at):
        return max(map(_longest_piece if broken else _longest_word, texts))
    if not broken:
        return max(map(_longest_line, texts))
    heading, *cells = texts
    return max([_longest_word(heading), *map(_longest_line, cells)])


def _texts(table: "PlainTable", at: int, stacked: int) -> list[str]:
    """Return heading and cells of a column.

    Args:
        table: the table.
        at: place of the column.
        stacked: 1 puts brackets of numbers below them, 2 also what follows a comma in brackets.
    """
    heading = table.headings[at]
    texts = ["" if heading in table.tags else heading, *(row[at] for row in table.rows)]
    if not stacked or _is_words(table, at):
        return texts
    return [_stacked(text, stacked) for text in texts]


def _stacked(text: str, stacked: int) -> str:
    number, bracket, rest = text.partition(" (")
    if stacked > 1:
        rest = rest.replace(", ", ",\n ")
    return f"{number}\n({rest}" if bracket else number


def _pieces(text: str) -> list[str]:
    """Return a text in pieces that end with a blank or a dot."""
    return re.split(r"(?<=[.\s])", text)


def _hanging(text: str) -> str:
    """Return what all lines of a text but the first begin with."""
    return " " * (len(text) - len(text.lstrip()) + 1)


def _longest_piece(text: str) -> int:
    """Return the least width of a text that is broken by `_after_dots`."""
    return cell_len(_hanging(text)) + max(cell_len(piece.rstrip()) for piece in _pieces(text))


def _after_dots(text: str, width: int) -> str:
    """Return a text in lines of at most ``width``, broken after blanks and dots.

    Lines but the first are indented, so that they do not read as rows of their own.
    """
    if cell_len(text) <= width:
        return text
    lines = [""]
    for piece in _pieces(text):
        if cell_len(f"{lines[-1]}{piece}".rstrip()) <= width or not lines[-1].strip():
            lines[-1] += piece
        else:
            lines.append(_hanging(text) + piece)
    return "\n".join(line.rstrip() for line in lines)


def _shared(least: Sequence[int], most: Sequence[int], width: int) -> list[int]:
    """Return widths that fill the room, each column between its least and its most.

    What is spare goes to the columns in proportion to what they still lack.
    """
    spare = width - _total(least)
    lacking = [high - low for low, high in zip(least, most, strict=True)]
    total = sum(lacking) or 1
    return [
        low + min(lack, spare * lack // total) for low, lack in zip(least, lacking, strict=True)
    ]


def _grid(
    table: "PlainTable",
    columns: Sequence[int],
    cells: Sequence[Sequence[str]],
    widths: Sequence[int],
) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for place, (at, (heading, *texts)) in enumerate(zip(columns, cells, strict=True)):
        # where an interval follows each number, numbers line up at the left
        left = _is_words(table, at) or any("(" in text for text in texts)
        grid.add_column(
            Text(heading),
            justify="left" if left else "right",
            overflow="fold",
            width=widths[place],
        )
    for row in zip(*(texts for _, *texts in cells), strict=True):
        grid.add_row(*map(Text, row))
    return grid


def _records(table: "PlainTable", columns: Sequence[int]) -> Table:
    """Return each row as a list of headings and values, for the narrowest places."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(overflow="fold")
    grid.add_column(overflow="fold")
    for place, row in enumerate(table.rows):
        if place:
            grid.add_row()
        for at in columns:
            grid.add_row(Text(table.headings[at]), Text(row[at]))
    return grid


def _below(table: "PlainTable", columns: Sequence[int]) -> Table:
    """Return texts of code that have no room in the rows, one line a row that has any."""
    grid = Table.grid(padding=(0, _GAP))
    grid.add_column(justify="right", overflow="fold")
    for _ in columns:
        grid.add_column(overflow="fold")
    for row in table.rows:
        if any(row[at] for at in columns):
            grid.add_row(Text(row[0]), *(Text(row[at]) for at in columns))
    return grid


def _numbers_below(table: "PlainTable", columns: Sequence[int], width: int) -> Table | None:
    """Return numbers that have no room in the rows, each with its heading; None if one is wider.

    They stand in columns where these fit, else one after the other, else below the name of their
    row; none is broken. An empty one is left out, and so is a row of which all are empty.
    """
    found = [
        [f"{table.headings[at]} {row[at]}" if row[at] else "" for at in columns]
        for row in table.rows
    ]
    listed = [
        (name, items)
        for name, items in zip(_names(table, columns), found, strict=True)
        if any(items)
    ]
    if not listed:
        return Table.grid()
    names, lines = [name for name, _ in listed], [items for _, items in listed]
    first = max(map(cell_len, names))
    widths = [max(map(cell_len, each)) for each in zip(*lines, strict=True)]
    room = width - first - 2 * _GAP
    if max(widths) > room:
        if max(widths) > width - _GAP:
            return None
        grid = Table.grid()
        grid.add_column(overflow="fold")
        for name, items in zip(names, lines, strict=True):
            grid.add_row(Text(name))
            grid.add_row(Padding(Text(_filled(items, width - _GAP)), (0, 0, 0, _GAP)))
        return grid
    if _total([first, *widths]) > width:
        lines = [[_filled(items, room)] for items in lines]
    grid = Table.grid(padding=(0, _GAP))
    grid.add_column(justify="left" if _is_words(table, 0) else "right", no_wrap=True)
    for _ in lines[0]:
        grid.add_column(no_wrap=True)
    for name, line in zip(names, lines, strict=True):
        grid.add_row(Text(name), *map(Text, line))
    return grid


def _names(table: "PlainTable", below: Sequence[int]) -> list[str]:
    """Return what tells each row from the others: its first cell, and the words that follow it."""
    apart = {*table.code, *table.tags}
    count = 1
    while count < len(table.headings) and count not in below and _is_words(table, count):
        if table.headings[count] in apart:
            break
        count += 1
    return [" ".join(row[:count]) for row in table.rows]


def _filled(items: Sequence[str], width: int) -> str:
    """Return items in lines of at most ``width``, broken between items; empty ones are left out."""
    lines = [""]
    for item in filter(None, items):
        longer = f"{lines[-1]}{' ' * _GAP if lines[-1] else ''}{item}"
        if cell_len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(item)
    return "\n".join(lines)


def _is_words(table: "PlainTable", at: int) -> bool:
    return table.headings[at] in table.words


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * len(widths)


def _longest_line(text: str) -> int:
    return max(map(cell_len, text.split("\n")), default=0)


def _longest_word(text: str) -> int:
    """Return the least width of a text that is wrapped between words; the first is indented."""
    indent = len(text) - len(text.lstrip())
    first, *others = text.split() or [""]
    return max([indent + cell_len(first), *map(cell_len, others)])
