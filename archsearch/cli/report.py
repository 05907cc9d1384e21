"""``archsearch report``: one page about a run."""

from pathlib import Path
from typing import Annotated

import typer

from archsearch.cli.console import out
from archsearch.report import write_report
from archsearch.search import find_run, load_run


def report(
    run: Annotated[str, typer.Argument(help="Folder of a run, or its name.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File. [default: report.html in the run]")
    ] = None,
    runs_dir: Annotated[Path, typer.Option(help="Folder of all runs.")] = Path("runs"),
) -> None:
    """Write a self-contained page about a run; it needs no network."""
    record = load_run(run, runs_dir)
    path = output or find_run(run, runs_dir).report
    out.print(f"report: {write_report(record, path)}", soft_wrap=True)
