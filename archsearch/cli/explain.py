"""``archsearch explain``: which choices make a network of a run better than another."""

from pathlib import Path
from typing import Annotated, Any

import typer

from archsearch.arch import value_from
from archsearch.cli.config_options import given_values, options_of
from archsearch.cli.console import err, out
from archsearch.cli.progress import LiveProgress, describe
from archsearch.cli.shared_options import PageFile, Quiet, RunsDir, check_output
from archsearch.cli.table_output import AsCsv, AsJson, TableFormat, print_tables, table_format
from archsearch.errors import InputError, Problem
from archsearch.report import choice_interactions_table, explanation_table, write_explanation
from archsearch.report.explanation_findings import explanation_sentences
from archsearch.run import Execution, explain, find_run, train_for_explanation
from archsearch.settings import nested
from archsearch.yaml_source import YamlSource

_TRAINING = "Training"
#: pairs of choices that a terminal shows; pages and files have all
_MOST_PAIRS = 6


@options_of(Execution, keys=("time_limit_s", "workers", "executor", "address"), group=_TRAINING)
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
    trials: Annotated[
        int,
        typer.Option(
            min=0,
            help="Train at most this many networks that make the answer clearer; end when the "
            "order of the three largest contributions is settled.",
            rich_help_panel=_TRAINING,
        ),
    ] = 0,
    *,
    quiet: Quiet = False,
    format_: TableFormat = "table",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    output: PageFile = None,
    runs_dir: RunsDir = Path("runs"),
    **given: Any,
) -> None:
    """Say which choices make one network of a run better than another; write a page.

    Splits the difference in accuracy and in latency over the choices, with intervals.

    Example: archsearch explain runs/NAME --trial best --against 3
    """
    kind = table_format(format_, as_json, as_csv)
    path = output or find_run(run, runs_dir).path / "explanation.html"
    check_output(path)
    settings = list(given_values(Execution, given))
    if not trials:
        if settings:
            rule = "must stand beside --trials"
            raise InputError([Problem(each.option, rule) for each in settings])
        found = explain(run, trial, against, runs_dir)
    else:
        execution = value_from(Execution, YamlSource("", nested(settings)))
        with LiveProgress(err, describe, quiet) as progress:
            found = train_for_explanation(
                run, trial, against, trials, execution, progress, runs_dir
            )
    sentences = explanation_sentences(found)
    choices, pairs = explanation_table(found), choice_interactions_table(found)
    if kind == "table":
        for sentence in sentences:
            out.print(sentence, soft_wrap=True)
        print_tables([choices, pairs.head(_MOST_PAIRS)], kind)
    else:
        print_tables([choices._replace(notes=(*sentences, *choices.notes)), pairs], kind)
    err.print(f"report: {write_explanation(found, path)}", soft_wrap=True)
