"""``archsearch report``: one page about a run, or about an ablation."""

from pathlib import Path
from typing import Annotated

import typer

from archsearch.ablation import has_ablation, load_ablation
from archsearch.cli.console import out
from archsearch.report import write_ablation, write_report
from archsearch.search import find_run, load_run


def report(
    run: Annotated[str, typer.Argument(help="Folder of a run or an ablation, or its name.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File. [default: report.html in the run]")
    ] = None,
    runs_dir: Annotated[Path, typer.Option(help="Folder of all runs.")] = Path("runs"),
) -> None:
    """Write a self-contained page about a run; it needs no network."""
    folder = find_run(run, runs_dir)
    path = output or folder.report
    if has_ablation(folder.path):
        page = write_ablation(load_ablation(folder.path), path)
    else:
        page = write_report(load_run(run, runs_dir), path)
    out.print(f"report: {page}", soft_wrap=True)
