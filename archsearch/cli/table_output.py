"""Tables for people, and the same tables as data for other programs, on standard output."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from archsearch.cli.console import out
from archsearch.errors import InputError, Problem, nearest
from archsearch.option import OUTPUT
from archsearch.report.plain_table import FORMATS, PlainTable, written

AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print JSON, as --format json.", rich_help_panel=OUTPUT),
]
AsCsv = Annotated[
    bool,
    typer.Option(
        "--csv", help="Print comma-separated values, as --format csv.", rich_help_panel=OUTPUT
    ),
]
TableFormat = Annotated[
    str,
    typer.Option(
        "--format", help=f"Of the printed tables: {', '.join(FORMATS)}.", rich_help_panel=OUTPUT
    ),
]


def table_format(format_: str, as_json: bool, as_csv: bool) -> str:
    """Return the one format that the options of a command ask for.

    Raises:
        InputError: they ask for two, or for one that there is not.
    """
    if problems := format_problems(format_, as_json, as_csv):
        raise InputError(problems)
    return "json" if as_json else "csv" if as_csv else format_


def format_problems(format_: str, as_json: bool, as_csv: bool) -> list[Problem]:
    """Return what is wrong with the format that the options of a command ask for."""
    problems = []
    if format_ not in FORMATS:
        rule = f"must be one of {', '.join(FORMATS)}"
        problems.append(Problem("--format", rule, format_, nearest(format_, FORMATS)))
    wanted = {
        "--format": format_ if format_ != "table" else "",
        "--json": "json" if as_json else "",
        "--csv": "csv" if as_csv else "",
    }
    given = [option for option, kind in wanted.items() if kind]
    kinds = {kind for kind in wanted.values() if kind}
    if len(kinds) > 1:
        rule = f"cannot go with {given[0]}"
        problems.append(Problem(given[-1], rule, remedy="choose one"))
    return problems


def print_tables(tables: Sequence[PlainTable], kind: str, data: Any = None) -> None:
    """Print tables one after the other in one of the `FORMATS`.

    Args:
        tables: what to print.
        kind: the format.
        data: what is printed as JSON, where that is not the tables themselves.
    """
    if kind == "json" and data is not None:
        print_json(data)
        return
    if kind != "table":
        # not through rich: a pipe gets what a file should hold
        print(written(tables, kind))
        return
    for table in tables:
        # it fits the width by itself; commands below it are never cut
        out.print(table, soft_wrap=False, crop=False)


def print_facts(facts: Sequence[tuple[str, str]]) -> None:
    """Print names and values, one pair a line; in a pipe no line is broken."""
    if not out.is_terminal:
        longest = max((len(name) for name, _ in facts), default=0)
        for name, value in facts:
            out.print(f"{name:<{longest}}  {value}", soft_wrap=True)
        return
    grid = Table.grid(padding=(0, 2))
    grid.add_column(overflow="fold")
    grid.add_column(overflow="fold")
    for name, value in facts:
        grid.add_row(name, Text(value))
    out.print(grid)


def print_json(data: Any) -> None:
    """Print plain data as JSON."""
    print(json.dumps(data, indent=2))
