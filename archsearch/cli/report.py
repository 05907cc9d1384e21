"""``archsearch report``: one page about a run or an ablation, or one that compares runs."""

from pathlib import Path
from typing import Annotated

import typer

from archsearch.ablation import has_ablation, load_ablation
from archsearch.cli.console import out
from archsearch.cli.shared_options import PageFile, RunsDir, check_output
from archsearch.cli.table_output import AsCsv, AsJson, TableFormat, print_tables, table_format
from archsearch.record import RunRecord
from archsearch.report import write_ablation, write_report
from archsearch.report.run_comparison import (
    compare_runs,
    comparison_points,
    comparison_sentences,
    comparison_table,
)
from archsearch.report.run_comparison_page import write_comparison
from archsearch.run import find_run, load_run


def command(
    runs: Annotated[
        list[str],
        typer.Argument(help="Folder of a run or an ablation, or its name; several are compared."),
    ],
    output: PageFile = None,
    layout: Annotated[
        str, typer.Option(help="Page layout: a name, or a Python file of your own.")
    ] = "search",
    format_: TableFormat = "table",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Write a self-contained page about a run or an ablation, or one that compares runs.

    With a --format for programs a comparison is printed, and no page is written.
    """
    kind = table_format(format_, as_json, as_csv)
    if len(runs) == 1 and kind == "table":
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
    if kind == "table":
        check_output(path)
    records = [load_run(run, runs_dir) for run in runs]
    _compare(records, path, kind)


def _compare(records: list[RunRecord], path: Path, kind: str) -> None:
    info = compare_runs(records)
    print_tables([comparison_table(info)], kind, comparison_points(info))
    if kind != "table":
        return
    for sentence in comparison_sentences(info):
        out.print(sentence, soft_wrap=True)
    out.print(f"report: {write_comparison(records, path)}", soft_wrap=True)
