"""``archsearch front``: the Pareto table of a run, and its latencies measured again."""

from pathlib import Path
from typing import Annotated

import typer

from archsearch.analysis import front_trials
from archsearch.cli.console import err, out, print_failure
from archsearch.cli.progress import LiveProgress, describe
from archsearch.cli.shared_options import RunsDir
from archsearch.cli.table_output import AsCsv, AsJson, TableFormat, print_tables, table_format
from archsearch.errors import InputError, Problem
from archsearch.files import write_json
from archsearch.record import RunRecord
from archsearch.report import (
    baseline_table,
    correlation_line,
    empty_front_lines,
    family_table,
    front_points,
    front_table,
    front_text,
    headline,
    write_report,
)
from archsearch.run import find_run, load_run, measure_front


def command(
    run: Annotated[str, typer.Argument(help="Folder of a run, or its name.")],
    measure: Annotated[
        bool,
        typer.Option(
            "--measure",
            help="Measure unconfirmed latencies again on a quiet machine, and rewrite front and "
            "report.",
        ),
    ] = False,
    every: Annotated[
        bool,
        typer.Option(
            "--all",
            help="With --measure: also those that are confirmed, or left the front when they were.",
        ),
    ] = False,
    address: Annotated[
        str,
        typer.Option(help="With --measure: Ray cluster of a run that measures on another node."),
    ] = "",
    format_: TableFormat = "table",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Print the Pareto front of a run; it may still be going on.

    Exit code 1 says that the front is empty.
    """
    kind = table_format(format_, as_json, as_csv)
    given = {"--all": every, "--address": bool(address)}
    alone = [name for name, is_given in given.items() if is_given and not measure]
    if alone:
        raise InputError([Problem(name, "must stand beside --measure") for name in alone])
    if measure:
        with LiveProgress(err, describe) as progress:
            record = measure_front(run, runs_dir, every=every, address=address, listener=progress)
        write_front(record, find_run(run, runs_dir).path)
    else:
        record = load_run(run, runs_dir)
    print_front(record, kind, run)
    end_if_empty(record, kind)


def write_front(record: RunRecord, folder: Path) -> Path:
    """Write ``front.json`` and the report of a run; return the page."""
    write_json(folder / "front.json", front_points(record))
    page: Path = write_report(record, folder / "report.html")
    return page


def print_front(record: RunRecord, kind: str, target: str) -> None:
    """Print the front of a run in one of the formats of a table.

    Args:
        record: the run.
        kind: the format.
        target: how commands are to name the run.
    """
    if kind != "table":
        print_tables([front_table(record, target)], kind, front_points(record))
        return
    show_front(record, target)
    if front_trials(record):
        out.print(headline(record), soft_wrap=True)


def end_if_empty(record: RunRecord, kind: str) -> None:
    """End with exit code 1 when the front is empty; say why where the table did not.

    Raises:
        typer.Exit: it is.
    """
    if front_trials(record):
        return
    if kind != "table":
        print_failure(empty_front_lines(record))
    raise typer.Exit(1)


def show_front(record: RunRecord, target: str = "") -> None:
    """Print the front as a table and a plot, then baselines and rank correlations.

    Args:
        record: the run.
        target: how commands are to name it.
    """
    print_tables([front_table(record, target)], "table")
    if front_trials(record):
        out.print(front_text(record, width=min(72, out.width)))
    known = baseline_table(record)
    if known is not None:
        print_tables([each for each in (known, family_table(record)) if each], "table")
    if line := correlation_line(record):
        out.print(line, soft_wrap=True)
