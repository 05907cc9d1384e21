"""``archsearch explain``: which choices make a network of a run better than another."""

from pathlib import Path
from typing import Annotated

import typer

from archsearch.cli.console import err, out
from archsearch.cli.shared_options import PageFile, RunsDir, check_output
from archsearch.cli.table_output import AsCsv, AsJson, TableFormat, print_tables, table_format
from archsearch.report import choice_interactions_table, explanation_table, write_explanation
from archsearch.report.explanation_findings import explanation_sentences
from archsearch.run import explain, find_run

#: pairs of choices that a terminal shows; pages and files have all
_MOST_PAIRS = 6


def command(
    run: Annotated[str, typer.Argument(help="Folder of a run, or its name.")],
    trial: Annotated[
        str, typer.Option(help="Network to explain: best, knee, or the number of a trial.")
    ] = "best",
    against: Annotated[
        str,
        typer.Option(
            help="What it is compared with: median (of the space), best, knee, the number of a "
            "trial, zoo:NAME, or an architecture file (.yaml)."
        ),
    ] = "median",
    format_: TableFormat = "table",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    output: PageFile = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Say which choices make one network of a run better than another; write a page with figures.

    Splits the differences in accuracy and latency over the choices in which both differ, with
    intervals, from the run's trials. Trains nothing. Example:
    archsearch explain runs/NAME --trial best --against 3
    """
    kind = table_format(format_, as_json, as_csv)
    path = output or find_run(run, runs_dir).path / "explanation.html"
    check_output(path)
    found = explain(run, trial, against, runs_dir)
    sentences = explanation_sentences(found)
    choices, pairs = explanation_table(found), choice_interactions_table(found)
    if kind == "table":
        for sentence in sentences:
            out.print(sentence, soft_wrap=True)
        print_tables([choices, pairs.head(_MOST_PAIRS)], kind)
    else:
        print_tables([choices._replace(notes=(*sentences, *choices.notes)), pairs], kind)
    err.print(f"report: {write_explanation(found, path)}", soft_wrap=True)
