"""``archsearch ablate``: which choice bought the gain."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from archsearch.ablation import (
    FULL,
    AblationPlace,
    PreparedAblation,
    describe_ablation_plan,
    is_ablation,
    prepare_ablation,
    run_ablation,
    study_texts,
)
from archsearch.ablation.tracked import ablation_entries
from archsearch.ablation_record import AblationRecord
from archsearch.activity import clock
from archsearch.analysis import answers, seeds_wanted
from archsearch.cli.console import err, out
from archsearch.cli.options import DataRoot, Download, DryRun, Log, NewRunsDir, Quiet, Set
from archsearch.cli.plain import AsCsv, AsJson, format_problems, print_tables, table_format
from archsearch.cli.progress import LiveProgress, describe_ablation
from archsearch.cli.run import refuse_twice, seconds
from archsearch.errors import Problem, ProblemList
from archsearch.report import PlainTable, ablation_tables, write_ablation
from archsearch.report.column import Column, tabulate
from archsearch.report.plain_table import FORMATS
from archsearch.resources import resource_dir
from archsearch.search import Execution
from archsearch.settings import settings_from
from archsearch.tracking import check_sinks, open_tracker


def ablate(
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
    data: Annotated[
        str | None,
        typer.Option(
            help="digits, fashion-mnist, cifar10, cifar100, or folder:PATH with train/ and val/. "
            "[default: the study's]",
            rich_help_panel="Data and training",
        ),
    ] = None,
    data_root: DataRoot = None,
    download: Download = False,
    limit: Annotated[
        int | None,
        typer.Option(
            help="Use at most this many images. [default: the study's]",
            rich_help_panel="Data and training",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Epochs of each training. [default: the recipe's]",
            rich_help_panel="Data and training",
        ),
    ] = None,
    set_: Set = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            help="Trainings of each network. [default: the study's]",
            rich_help_panel="Data and training",
        ),
    ] = None,
    until_clear: Annotated[
        bool,
        typer.Option(
            "--until-clear",
            help="Add seeds where they would settle a difference; needs --time-limit.",
            rich_help_panel="Data and training",
        ),
    ] = False,
    time_limit: Annotated[
        str | None,
        typer.Option(
            help="Begin no training after this long, e.g. 30m, 2h, 90s.",
            rich_help_panel="Data and training",
        ),
    ] = None,
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed",
            help="Train again what failed before.",
            rich_help_panel="Data and training",
        ),
    ] = False,
    device: Annotated[
        str | None,
        typer.Option(
            help="cpu, cuda, cuda:N or auto. [default: the study's]", rich_help_panel="Machine"
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Networks trained at a time. [default: one per core]", rich_help_panel="Machine"
        ),
    ] = None,
    executor: Annotated[
        str, typer.Option(help="ray, or inline for this process.", rich_help_panel="Machine")
    ] = "ray",
    address: Annotated[
        str, typer.Option(help="Ray cluster to join.", rich_help_panel="Machine")
    ] = "",
    name: Annotated[
        str,
        typer.Option(
            help="Folder of the results in --runs-dir. [default: study, scale, data]",
            rich_help_panel="Output",
        ),
    ] = "",
    runs_dir: NewRunsDir = Path("runs"),
    format_: Annotated[
        str, typer.Option("--format", help=", ".join(FORMATS), rich_help_panel="Output")
    ] = "table",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    log: Log = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> None:
    """Train variants of a base network with the same seeds; say which differ, and by how much.

    The same command again goes on where it was stopped; what any study has trained already is not
    trained again.
    """
    if list_:
        print_tables([_studies()], table_format(format_, as_json, as_csv))
        return
    kind = table_format(format_, as_json, as_csv)
    execution = Execution(
        time_limit_s=seconds(time_limit) if time_limit is not None else None,
        workers=workers,
        executor="inline" if executor == "inline" else "ray",
        address=address,
        log=check_sinks(log or ()),
    )
    changes = {
        "data": data,
        "data_root": str(data_root) if data_root else None,
        "limit": limit,
        "epochs": epochs,
        "seeds": seeds,
    }
    given = {key: value for key, value in changes.items() if value is not None}
    if device is not None:
        given["latency.device"] = device
    settings = tuple(settings_from(set_ or []))
    refuse_twice(settings, {"recipe.epochs": epochs})
    place = AblationPlace(
        study, scale, given, name, str(runs_dir), download, tuple(only or ()), settings
    )
    prepared = prepare_ablation(place, execution)
    if dry_run:
        for line in describe_ablation_plan(prepared):
            out.print(line, soft_wrap=True)
        return
    with LiveProgress(err, describe_ablation, quiet) as progress:
        more = seeds_wanted if until_clear else None
        record = run_ablation(prepared, progress, more, retry_failed=retry_failed)
    _finished(record, prepared, kind)
    with open_tracker(prepared.folder.path, execution.log, err.print) as tracker:
        for entry in ablation_entries(record, prepared.recipe, (prepared.folder.report,)):
            tracker.log(entry)


def check(given: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with the options by themselves."""
    if given["list_"]:
        return []
    study, executor = given["study"], given["executor"]
    until_clear, time_limit = given["until_clear"], given["time_limit"]
    found = ProblemList()
    with found.gathered():
        if time_limit is not None:
            seconds(time_limit)
    problems = format_problems(given["format_"], given["as_json"], given["as_csv"])
    if not study:
        problems.append(Problem("STUDY", "is required", None, "archsearch ablate --list"))
    if executor not in ("ray", "inline"):
        problems.append(Problem("--executor", "must be ray or inline", executor))
    for name in ("seeds", "epochs", "limit", "workers"):
        if given[name] is not None and given[name] < 1:
            problems.append(Problem(name, "must be at least 1", given[name]))
    if until_clear and time_limit is None:
        rule = "needs a time limit: some differences are too small to be settled"
        problems.append(Problem("--until-clear", rule, None, "add --time-limit 30m"))
    found.add(*problems)
    return found.problems


def _finished(record: AblationRecord, prepared: PreparedAblation, kind: str) -> None:
    """Write the page and print the tables."""
    found = answers(record)
    page = write_ablation(record, prepared.folder.report, found=found)
    print_tables(ablation_tables(record, found), kind)
    if kind == "table":
        for note in record.notes:
            out.print(note, soft_wrap=True)
    err.print(f"report: {page}   time: {clock(record.wall_s)}", soft_wrap=True)


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
