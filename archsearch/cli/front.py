"""``archsearch front``: the Pareto table of a run."""

from pathlib import Path
from typing import Annotated

import typer

from archsearch.cli.console import out
from archsearch.cli.options import RunsDir
from archsearch.cli.plain import AsCsv, AsJson, TableFormat, print_tables, table_format
from archsearch.record import RunRecord
from archsearch.report import (
    baseline_table,
    correlation_line,
    front_points,
    front_table,
    front_text,
    headline,
)
from archsearch.search import load_run


def front(
    run: Annotated[str, typer.Argument(help="Folder of a run, or its name.")],
    format_: TableFormat = "table",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Print the Pareto front of a run; it may still be going on."""
    kind = table_format(format_, as_json, as_csv)
    record = load_run(run, runs_dir)
    if kind != "table":
        print_tables([front_table(record)], kind, front_points(record))
        return
    show_front(record)
    out.print(headline(record), soft_wrap=True)


def show_front(record: RunRecord) -> None:
    """Print the front as a table and a plot, with the baselines and what epochs foretold."""
    print_tables([front_table(record)], "table")
    out.print(front_text(record, width=min(72, out.width)))
    known = baseline_table(record)
    if known is not None:
        print_tables([known], "table")
    if line := correlation_line(record):
        out.print(line, soft_wrap=True)
