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
from archsearch.report.path_findings import path_sentences, path_table
from archsearch.run import Execution, explain, find_run, train_for_explanation, train_path
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
    path_: Annotated[
        bool,
        typer.Option(
            "--path",
            help="Train the networks from the baseline to the trial, one choice at a time, with "
            "paired seeds.",
            rich_help_panel=_TRAINING,
        ),
    ] = False,
    seeds: Annotated[
        int, typer.Option(min=2, help="Seeds of --path.", rich_help_panel=_TRAINING)
    ] = 3,
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
    if not trials and not path_:
        if settings:
            rule = "must stand beside --trials or --path"
            raise InputError([Problem(each.option, rule) for each in settings])
        found = explain(run, trial, against, runs_dir)
    else:
        execution = value_from(Execution, YamlSource("", nested(settings)))
        with LiveProgress(err, describe, quiet) as progress:
            place = (execution, progress, runs_dir)
            if trials:
                found = train_for_explanation(run, trial, against, trials, *place)
            if path_:
                found = train_path(run, trial, against, seeds, *place)
    sentences = [*explanation_sentences(found), *path_sentences(found)]
    choices, pairs = explanation_table(found), choice_interactions_table(found)
    trained = [table] if (table := path_table(found)) else []
    if kind == "table":
        for sentence in sentences:
            out.print(sentence, soft_wrap=True)
        print_tables([*trained, choices, pairs.head(_MOST_PAIRS)], kind)
    else:
        # programs find the choices first, as without a path
        with_words = choices._replace(notes=(*sentences, *choices.notes))
        print_tables([with_words, pairs, *trained], kind)
    err.print(f"report: {write_explanation(found, path)}", soft_wrap=True)
