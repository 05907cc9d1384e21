"""``archsearch run``: search, or go on with a search."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from archsearch.activity import clock, doing
from archsearch.analysis import front_trials
from archsearch.cli.config_options import given_values, options_of
from archsearch.cli.console import err, out
from archsearch.cli.front import end_if_empty, print_front, write_front
from archsearch.cli.progress import LiveProgress, describe
from archsearch.cli.shared_options import Download, DryRun, Quiet, RunsDir
from archsearch.cli.table_output import AsCsv, AsJson, TableFormat, table_format
from archsearch.errors import InputError, Problem, ProblemList
from archsearch.files import os_sentence, shell_word
from archsearch.option import DATA, OUTPUT
from archsearch.record import RunRecord
from archsearch.run import Place, SearchConfig, describe_plan, prepare, read_search, run_search
from archsearch.run.tracking_entries import front_entry
from archsearch.settings import Setting, settings_from
from archsearch.tracking import open_tracker
from archsearch.train import load_recipe


@options_of(SearchConfig)
def command(
    space: Annotated[
        str,
        typer.Argument(help="Search space or study: a YAML file, or the name of one we ship."),
    ],
    name: Annotated[
        str,
        typer.Option(
            help="Name of the run; an unfinished run of that name goes on.",
            rich_help_panel=OUTPUT,
        ),
    ] = "",
    runs_dir: RunsDir = Path("runs"),
    storage: Annotated[
        str,
        typer.Option(
            help="Optuna storage URL; its password is kept nowhere. [default: $ARCHSEARCH_STORAGE, "
            "or SQLite in the run]",
            rich_help_panel=OUTPUT,
        ),
    ] = "",
    *,
    download: Download = False,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Set one value of recipe, space or study, in YAML: recipe.learning_rate=1e-3, "
            "space.stages.0.depth=2, 'space.stages[1].width={choice: [32, 48]}'; may be repeated.",
            rich_help_panel=DATA,
        ),
    ] = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    format_: TableFormat = "table",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    **given: Any,
) -> None:
    """Search for the best accuracy within a latency budget, and print the Pareto front.

    The same command again goes on where the run was stopped.
    """
    kind = table_format(format_, as_json, as_csv)
    config = _config(space, set_, given)
    place = Place(name, str(runs_dir), storage, download)
    if dry_run:
        for line in describe_plan(prepare(config, place)):
            out.print(line, soft_wrap=True)
        return
    with LiveProgress(err, describe, quiet) as progress:
        record = run_search(config, place, progress)
    finished(record, runs_dir / record.name, kind)
    log_page(record, runs_dir / record.name, config.execution.log)
    end_if_empty(record, kind)


def log_page(record: RunRecord, folder: Path, names: Sequence[str]) -> None:
    """Log the front together with its page."""
    with open_tracker(folder, names, err.print) as tracker:
        tracker.log(front_entry(record, (folder / "report.html",)))


def finished(record: RunRecord, folder: Path, kind: str = "table") -> None:
    """Write the front and the report of a run that has ended, and print what there is."""
    try:
        with doing("writing the report"):
            page = str(write_front(record, folder))
    except OSError as error:
        page = "not written"
        err.print(
            f"the report is not written: {os_sentence(error)}; the search is whole, and archsearch "
            f"report {shell_word(folder)} writes its page",
            soft_wrap=True,
        )
    print_front(record, kind, str(folder))
    if kind != "table":
        return
    out.print(f"report: {page}", soft_wrap=True)
    out.print(
        f"time of all sessions, measurements and other seeds included: {clock(record.wall_s)}",
        soft_wrap=True,
    )
    if not front_trials(record):
        return
    out.print(
        f"train the best to the end: archsearch train {shell_word(folder)} --trial best",
        soft_wrap=True,
    )
    out.print(
        f"export a model: archsearch export {shell_word(folder)} --trial best --format python "
        "--output model.py",
        soft_wrap=True,
    )


def check(values: Mapping[str, Any]) -> list[Problem]:
    """Return the problems of the options by themselves."""
    try:
        # without a space, the options of any are looked at
        _config(values["space"] or "tiny", values["set_"], values)
    except InputError as error:
        return list(error.problems)
    return []


def _config(space: str, texts: Sequence[str] | None, given: Mapping[str, Any]) -> SearchConfig:
    """Return the configuration that the options ask for.

    Args:
        space: path or name of a space or a study.
        texts: of ``--set``.
        given: the values of the options, by name.
    """
    found, settings = ProblemList(), list[Setting]()
    recipe = None
    with found.gathered():
        if given["recipe"] is not None:
            recipe = load_recipe(given["recipe"])
    with found.gathered():
        settings = settings_from(texts or [])
    with found.gathered():
        options = given_values(SearchConfig, {**given, "recipe": None})
        config = read_search(space, [*options, *settings], recipe)
    found.check()
    return config
