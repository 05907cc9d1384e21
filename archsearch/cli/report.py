"""``archsearch report``: one page about a run or an ablation, or one that compares runs."""

from pathlib import Path
from typing import Annotated

import typer

from archsearch.ablation import has_ablation, load_ablation
from archsearch.cli.console import out
from archsearch.cli.options import RunsDir, check_output
from archsearch.cli.plain import print_json
from archsearch.record import RunRecord
from archsearch.report import write_ablation, write_report
from archsearch.report.comparison import (
    compare_runs,
    comparison_points,
    comparison_sentences,
    comparison_table,
)
from archsearch.report.comparison_page import write_comparison
from archsearch.search import find_run, load_run


def report(
    runs: Annotated[
        list[str],
        typer.Argument(help="Folder of a run or an ablation, or its name; several are compared."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="File. [default: report.html in the run; comparison.html for several]",
        ),
    ] = None,
    layout: Annotated[
        str, typer.Option(help="Page layout: a name, or a Python file of your own.")
    ] = "search",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a comparison as JSON; write no page.")
    ] = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Write a self-contained page about a run or an ablation, or one that compares runs."""
    if len(runs) == 1 and not as_json:
        folder = find_run(runs[0], runs_dir)
        path = output or folder.report
        check_output(path)
        if has_ablation(folder.path):
            page = write_ablation(load_ablation(folder.path), path)
        else:
            page = write_report(load_run(runs[0], runs_dir), path, layout)
        out.print(f"report: {page}", soft_wrap=True)
        return
    path = output or Path("comparison.html")
    if not as_json:
        check_output(path)
    records = [load_run(run, runs_dir) for run in runs]
    _compare(records, path, as_json)


def _compare(records: list[RunRecord], path: Path, as_json: bool) -> None:
    info = compare_runs(records)
    if as_json:
        print_json(comparison_points(info))
        return
    out.print(comparison_table(info))
    for sentence in comparison_sentences(info):
        out.print(sentence, soft_wrap=True)
    out.print(f"report: {write_comparison(records, path)}", soft_wrap=True)
