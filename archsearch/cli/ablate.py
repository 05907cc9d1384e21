"""``archsearch ablate``: which choice caused the gain."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from archsearch.ablation import (
    FULL,
    AblationPlace,
    PreparedAblation,
    Study,
    describe_ablation_plan,
    has_ablation,
    is_ablation,
    load_ablation,
    prepare_ablation,
    run_ablation,
    study_texts,
)
from archsearch.ablation.tracking_entries import ablation_entries
from archsearch.ablation_record import AblationRecord
from archsearch.activity import clock
from archsearch.analysis import answers, seeds_wanted
from archsearch.analysis.seed_planning import seed_plan
from archsearch.arch import value_from
from archsearch.cli.config_options import given_values, options_of
from archsearch.cli.console import err, out
from archsearch.cli.progress import LiveProgress, describe_ablation
from archsearch.cli.shared_options import Download, DryRun, Quiet, RunsDir, Set
from archsearch.cli.table_output import (
    AsCsv,
    AsJson,
    TableFormat,
    format_problems,
    print_tables,
    table_format,
)
from archsearch.errors import InputError, Problem, ProblemList
from archsearch.option import DATA, OUTPUT
from archsearch.report import PlainTable, ablation_tables, write_ablation
from archsearch.report.seed_plan_columns import seed_plan_table
from archsearch.report.table_column import Column, tabulate
from archsearch.resources import resource_dir
from archsearch.run import Execution
from archsearch.settings import nested, settings_from
from archsearch.tracking import check_sinks, open_tracker
from archsearch.train.teacher import TEACHER_KEYS
from archsearch.yaml_source import YamlSource


@options_of(
    Study,
    keys=("data", "data_root", "channels", "limit", "recipe.epochs", *TEACHER_KEYS, "seeds"),
)
@options_of(Study, keys=("latency.device",), default="the study's")
@options_of(Execution, keys=("time_limit_s",), group=DATA)
@options_of(Execution, keys=("workers", "executor", "address", "log"))
def command(
    study: Annotated[
        str,
        typer.Argument(help="Ablation study: a YAML file, or the name of one we ship (--list)."),
    ] = "",
    scale: Annotated[
        str, typer.Option(help="A scale that the study declares, e.g. small.")
    ] = "full",
    list_: Annotated[
        bool, typer.Option("--list", help="List the studies we ship, and what they cost.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VARIANT",
            help="Train the base and this variant only; may be repeated. Intervals then count "
            "these alone.",
        ),
    ] = None,
    name: Annotated[
        str,
        typer.Option(
            help="Folder of the results in --runs-dir. [default: study, scale, data]",
            rich_help_panel=OUTPUT,
        ),
    ] = "",
    runs_dir: RunsDir = Path("runs"),
    *,
    download: Download = False,
    set_: Set = None,
    until_clear: Annotated[
        bool,
        typer.Option(
            "--until-clear",
            help="Add seeds where they would settle a difference; needs --time-limit.",
            rich_help_panel=DATA,
        ),
    ] = False,
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed", help="Train again what failed before.", rich_help_panel=DATA
        ),
    ] = False,
    plan: Annotated[
        bool,
        typer.Option(
            "--plan",
            help="Train nothing; say how many seeds find a difference of 0.5 to 5 points, from the "
            "trainings so far.",
            rich_help_panel=DATA,
        ),
    ] = False,
    format_: TableFormat = "table",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    **given: Any,
) -> None:
    """Train variants of a base network with the same seeds; say which differ, and by how much.

    The same command again goes on where it was stopped; what any study has trained already is not
    trained again.
    """
    kind = table_format(format_, as_json, as_csv)
    if list_:
        print_tables([_studies()], kind)
        return
    execution = _execution(given)
    check_sinks(execution.log)
    options = list(given_values(Study, given))
    of_recipe = [each for each in options if each.path[0] == "recipe"]
    place = AblationPlace(
        study,
        scale,
        {each.key: each.value for each in options if each not in of_recipe},
        name,
        str(runs_dir),
        download,
        tuple(only or ()),
        (*of_recipe, *settings_from(set_ or [])),
    )
    prepared = prepare_ablation(place, execution)
    if dry_run:
        for line in describe_ablation_plan(prepared):
            out.print(line, soft_wrap=True)
        return
    if plan:
        _print_plan(prepared, kind)
        return
    with LiveProgress(err, describe_ablation, quiet) as progress:
        more = seeds_wanted if until_clear else None
        record = run_ablation(prepared, progress, more, retry_failed=retry_failed)
    _finished(record, prepared, kind)
    with open_tracker(prepared.folder.path, execution.log, err.print) as tracker:
        for entry in ablation_entries(record, prepared.recipe, (prepared.folder.report,)):
            tracker.log(entry)


def check(given: Mapping[str, Any]) -> list[Problem]:
    """Return the problems of the options by themselves."""
    if given["list_"]:
        return []
    found = ProblemList()
    found.add(*format_problems(given["format_"], given["as_json"], given["as_csv"]))
    with found.gathered():
        _execution(given)
    found.add(*_value_problems(given))
    if not given["study"]:
        found.add(Problem("STUDY", "is required", None, "archsearch ablate --list"))
    if given["until_clear"] and given["time_limit"] is None:
        rule = "needs a time limit: some differences are too small to be settled"
        found.add(Problem("--until-clear", rule, None, "add --time-limit 30m"))
    return found.problems


def _execution(given: Mapping[str, Any]) -> Execution:
    return value_from(Execution, YamlSource("", nested(given_values(Execution, given))))


def _value_problems(given: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with values of the study, whatever the study is."""
    settings = list(given_values(Study, given))
    try:
        value_from(Study, YamlSource("", nested(settings)))
    except InputError as error:
        keys = [each.key for each in settings]
        return [p for p in error.problems if any(f"{p.key}.".startswith(f"{k}.") for k in keys)]
    return []


def _print_plan(prepared: PreparedAblation, kind: str) -> None:
    """Print the seeds that the study needs, by the trainings in its folder.

    Raises:
        InputError: there are none, or too few.
    """
    if not has_ablation(prepared.folder.path):
        remedy = "run the study with --seeds 2 first, with --only for few of its variants"
        raise InputError(Problem("--plan", "needs a pilot, and nothing was trained", None, remedy))
    record = load_ablation(prepared.folder.path)
    found = seed_plan(record, len(prepared.networks.all))
    print_tables([seed_plan_table(record.name, found)], kind)


def _finished(record: AblationRecord, prepared: PreparedAblation, kind: str) -> None:
    """Write the page and print the tables."""
    found = answers(record)
    page = write_ablation(record, prepared.folder.report, found=found)
    print_tables(ablation_tables(record, found), kind)
    if kind == "table":
        for note in record.notes:
            out.print(note, soft_wrap=True)
    err.print(f"report: {page}", soft_wrap=True)
    err.print(f"time of all sessions: {clock(record.wall_s)}", soft_wrap=True)


class _StudyRow(NamedTuple):
    name: str
    question: str
    costs: dict[str, str]


def _others(row: _StudyRow) -> str:
    rest = {scale: cost for scale, cost in row.costs.items() if scale != FULL}
    return "; ".join(f"{scale}: {cost}" for scale, cost in rest.items())


_STUDY_COLUMNS: tuple[Column[_StudyRow], ...] = (
    Column("study", lambda row: row.name, "study", words=True),
    Column("question", lambda row: row.question, "question", words=True),
    Column("costs", lambda row: row.costs),
    Column("cost", lambda row: row.costs[FULL], "cost at full scale", words=True, in_csv=False),
    Column("scales", _others, "cost at other scales (--scale)", words=True, in_csv=False),
)


def _studies() -> PlainTable:
    paths = sorted(resource_dir("studies").glob("*.yaml"))
    rows = [_StudyRow(path.stem, *study_texts(path)) for path in paths if is_ablation(path)]
    return tabulate("ablation studies", _STUDY_COLUMNS, rows)
