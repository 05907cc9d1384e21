"""``archsearch importance``: which choices of a search mattered, and which way."""

from pathlib import Path
from typing import Annotated

import typer

from archsearch.cli.console import err, out
from archsearch.cli.shared_options import PageFile, RunsDir, check_output
from archsearch.cli.table_output import AsCsv, AsJson, TableFormat, print_tables, table_format
from archsearch.report import importance_table, marginals_table, write_importance
from archsearch.report.importance_findings import verdicts
from archsearch.run import find_run, run_importance

#: parameters that a terminal shows, and of half as many their values; pages and files have all
_MOST = 16


def command(
    run: Annotated[str, typer.Argument(help="Folder of a run, or its name.")],
    format_: TableFormat = "table",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    output: PageFile = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Print which choices of a run mattered for accuracy and latency; write a page with figures.

    For each value, accuracy at equal latency, and whether it can be distinguished from chance; for
    each parameter, fANOVA and PED-ANOVA.
    """
    kind = table_format(format_, as_json, as_csv)
    path = output or find_run(run, runs_dir).path / "importance.html"
    check_output(path)
    found = run_importance(run, runs_dir)
    sure = verdicts(found.marginals)
    if kind == "table":
        for sentence in sure:
            out.print(sentence, soft_wrap=True)
        tables = [marginals_table(found, _MOST // 2), importance_table(found).head(_MOST)]
    else:
        choices = marginals_table(found)
        tables = [importance_table(found), choices._replace(notes=(*sure, *choices.notes))]
    print_tables(tables, kind)
    err.print(f"report: {write_importance(found, path)}", soft_wrap=True)
