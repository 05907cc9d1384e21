"""``archsearch front``: the Pareto table of a run."""

from pathlib import Path
from typing import Annotated

import typer

from archsearch.cli.console import out
from archsearch.cli.options import RunsDir
from archsearch.cli.plain import AsCsv, AsJson, check_one, print_csv, print_json
from archsearch.record import RunRecord
from archsearch.report import (
    baseline_table,
    correlation_line,
    front_points,
    front_table,
    front_text,
)
from archsearch.search import load_run


def front(
    run: Annotated[str, typer.Argument(help="Folder of a run, or its name.")],
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Print the Pareto front of a run; it may still be going on."""
    check_one(as_json, as_csv)
    record = load_run(run, runs_dir)
    if as_json:
        print_json(front_points(record))
        return
    if as_csv:
        points = front_points(record)
        print_csv([{k: v for k, v in each.items() if k != "arch"} for each in points])
        return
    show_front(record)


def show_front(record: RunRecord) -> None:
    """Print the front as a table and a plot, with the baselines and what epochs foretold."""
    out.print(front_table(record))
    out.print(front_text(record, width=min(72, out.width)))
    known = baseline_table(record)
    if known is not None:
        out.print(known)
    if line := correlation_line(record):
        out.print(line, soft_wrap=True)
