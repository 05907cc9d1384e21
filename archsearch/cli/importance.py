"""``archsearch importance``: which choices of a search mattered, and which way."""

from pathlib import Path
from typing import Annotated

import typer

from archsearch.cli.console import err, out
from archsearch.cli.options import RunsDir, check_output
from archsearch.errors import InputError, Problem, nearest
from archsearch.report import importance_table, marginals_table, write_importance, written
from archsearch.report.plain_table import FORMATS
from archsearch.search import find_run, run_importance

#: parameters that a terminal shows, and of half as many their values; pages and files have all
_MOST = 16


def importance(
    run: Annotated[str, typer.Argument(help="Folder of a run, or its name.")],
    format_: Annotated[str, typer.Option("--format", help=", ".join(FORMATS))] = "table",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Page. [default: importance.html in the run]"),
    ] = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Print which choices of a run mattered for accuracy and latency; write a page with figures.

    fANOVA and PED-ANOVA for each parameter; for each value, accuracy at equal latency.
    """
    if format_ not in FORMATS:
        rule = f"must be one of {', '.join(FORMATS)}"
        raise InputError(Problem("--format", rule, format_, nearest(format_, FORMATS)))
    path = output or find_run(run, runs_dir).path / "importance.html"
    check_output(path)
    found = run_importance(run, runs_dir)
    if format_ == "table":
        for table in (importance_table(found).head(_MOST), marginals_table(found, _MOST // 2)):
            out.print(table.rich())
            for note in table.notes:
                out.print(note, soft_wrap=True)
    else:
        # not through rich: a pipe gets what a file should hold
        print(written([importance_table(found), marginals_table(found)], format_))
    err.print(f"report: {write_importance(found, path)}", soft_wrap=True)
