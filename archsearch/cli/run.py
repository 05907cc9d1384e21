"""``archsearch run``: search, or go on with a search."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from archsearch.ablation import is_ablation
from archsearch.activity import clock, doing
from archsearch.analysis import front_trials
from archsearch.arch import value_from
from archsearch.cli.console import err, out
from archsearch.cli.front import end_if_empty, print_front, write_front
from archsearch.cli.options import DataRoot, Download, DryRun, Log, NewRunsDir, Quiet
from archsearch.cli.plain import AsCsv, AsJson, table_format
from archsearch.cli.progress import LiveProgress, describe
from archsearch.errors import InputError, Problem, ProblemList
from archsearch.files import shell_word
from archsearch.record import RunRecord
from archsearch.report.plain_table import FORMATS
from archsearch.resources import find_yaml
from archsearch.search import (
    Place,
    SearchConfig,
    StudyFile,
    configured,
    describe_plan,
    prepare,
    run_search,
)
from archsearch.search.tracked import front_entry
from archsearch.settings import Setting, settings_from
from archsearch.tracking import open_tracker
from archsearch.train import default_recipe, load_recipe
from archsearch.yaml_source import load_yaml


def run(
    space: Annotated[
        str,
        typer.Argument(help="Search space or study: a YAML file, or the name of one we ship."),
    ],
    budget_ms: Annotated[
        float | None,
        typer.Option(
            help="Latency limit in milliseconds for one inference.", rich_help_panel="Budget"
        ),
    ] = None,
    budget_params: Annotated[
        float | None,
        typer.Option(help="Limit on the number of parameters, e.g. 6e6.", rich_help_panel="Budget"),
    ] = None,
    budget_macs: Annotated[
        float | None,
        typer.Option(help="Limit on multiply-adds of one image.", rich_help_panel="Budget"),
    ] = None,
    budget_memory: Annotated[
        float | None,
        typer.Option(
            help="Limit on bytes of weights and activations of one inference, e.g. 50e6.",
            rich_help_panel="Budget",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="digits, fashion-mnist, cifar10, cifar100, or folder:PATH with train/ and val/. "
            "[default: digits]",
            rich_help_panel="Data and training",
        ),
    ] = None,
    data_root: DataRoot = None,
    download: Download = False,
    image_size: Annotated[
        int | None,
        typer.Option(
            help="Side of the images in pixels. [default: the space's]",
            rich_help_panel="Data and training",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(help="Use at most this many images.", rich_help_panel="Data and training"),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Epochs of each candidate. [default: the recipe's]",
            rich_help_panel="Data and training",
        ),
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(
            help="YAML file with the training recipe.", rich_help_panel="Data and training"
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Set one value of recipe, space or study, in YAML: recipe.learning_rate=1e-3, "
            "space.stages.0.depth=2, 'space.stages[1].width={choice: [32, 48]}'; may be repeated.",
            rich_help_panel="Data and training",
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(help="Candidates to train in all. [default: 48]", rich_help_panel="Search"),
    ] = None,
    time_limit: Annotated[
        str | None,
        typer.Option(
            help="Begin no new candidate after this long, e.g. 30m, 2h, 90s.",
            rich_help_panel="Search",
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            help="Begin no new candidate when so many in a row gained no hypervolume.",
            rich_help_panel="Search",
        ),
    ] = None,
    sampler: Annotated[
        str | None,
        typer.Option(
            help="model, evolution, nsga2, random or tpe. [default: model]",
            rich_help_panel="Search",
        ),
    ] = None,
    front_seeds: Annotated[
        int | None,
        typer.Option(
            help="Train each member of the front with so many other seeds after the search, to "
            "tell better from not distinguishable; 0 for none. [default: 3]",
            rich_help_panel="Search",
        ),
    ] = None,
    baseline: Annotated[
        list[str] | None,
        typer.Option(
            help="Train and measure this network too, timm:NAME or zoo:NAME; may be repeated.",
            rich_help_panel="Search",
        ),
    ] = None,
    early_stopping: Annotated[
        bool | None,
        typer.Option(
            "--early-stopping/--no-early-stopping",
            help="Stop candidates that are clearly dominated. [default: on]",
            rich_help_panel="Search",
        ),
    ] = None,
    rungs: Annotated[
        str | None,
        typer.Option(
            help="Pause candidates after these epochs, e.g. 2,6; the best there go on, with what "
            "they have learnt. Takes the place of early stopping. [default: none]",
            rich_help_panel="Search",
        ),
    ] = None,
    promote: Annotated[
        float | None,
        typer.Option(
            help="Share of the candidates at a rung that go on. [default: its epochs over the next "
            "one's]",
            rich_help_panel="Search",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            help="Of proposals, initialisation and data order. [default: 0]",
            rich_help_panel="Search",
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="cpu, cuda, cuda:N or auto. [default: auto]", rich_help_panel="Machine"),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            help="Threads of the measured inference. [default: 1]", rich_help_panel="Machine"
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(
            help="Images of the measured inference. [default: 1]", rich_help_panel="Machine"
        ),
    ] = None,
    target: Annotated[
        bool | None,
        typer.Option(
            "--target/--no-target",
            help="Measure latency on the node of the cluster (--address) that offers the resource "
            "latency_target. [default: here]",
            rich_help_panel="Machine",
        ),
    ] = None,
    dtype: Annotated[
        str | None,
        typer.Option(
            help="Number type of the measured inference: float32, bfloat16 or float16. "
            "[default: float32]",
            rich_help_panel="Machine",
        ),
    ] = None,
    runtime: Annotated[
        str | None,
        typer.Option(
            help="What runs the measured inference: eager, compiled, cuda_graph, onnxruntime or "
            "openvino. [default: eager]",
            rich_help_panel="Machine",
        ),
    ] = None,
    calibration: Annotated[
        float | None,
        typer.Option(
            help="Longest calibration of the latency table in seconds, where it does not know the "
            "space yet; 0 measures every candidate instead. [default: 30]",
            rich_help_panel="Machine",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Candidates trained at a time. [default: one per core]", rich_help_panel="Machine"
        ),
    ] = None,
    executor: Annotated[
        str | None,
        typer.Option(
            help="ray, or inline for this process. [default: ray]", rich_help_panel="Machine"
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(help="Ray cluster to join.", rich_help_panel="Machine"),
    ] = None,
    name: Annotated[
        str,
        typer.Option(
            help="Name of the run; an unfinished run of that name goes on.",
            rich_help_panel="Output",
        ),
    ] = "",
    runs_dir: NewRunsDir = Path("runs"),
    storage: Annotated[
        str,
        typer.Option(
            help="Optuna storage URL; its password is kept nowhere. [default: $ARCHSEARCH_STORAGE, "
            "or SQLite in the run]",
            rich_help_panel="Output",
        ),
    ] = "",
    log: Log = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    format_: Annotated[
        str,
        typer.Option(
            "--format", help=f"Of the front: {', '.join(FORMATS)}.", rich_help_panel="Output"
        ),
    ] = "table",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Search for the best accuracy within a latency budget, and print the Pareto front.

    The same command again goes on where the run was stopped.
    """
    kind = table_format(format_, as_json, as_csv)
    config = _config(locals())
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
    with doing("writing the report"):
        page = write_front(record, folder)
    print_front(record, kind, str(folder))
    if kind != "table":
        return
    out.print(f"report: {page}   time: {clock(record.wall_s)}", soft_wrap=True)
    if not front_trials(record):
        return
    out.print(
        f"train the best to the end: archsearch train {shell_word(folder)} --trial best",
        soft_wrap=True,
    )
    out.print(
        f"take a model away: archsearch export {shell_word(folder)} --trial best --format python "
        "--output model.py",
        soft_wrap=True,
    )


def check(values: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with the options by themselves."""
    try:
        # without a space, the options of any are looked at
        _config({**values, "space": values["space"] or "tiny"})
    except InputError as error:
        return list(error.problems)
    return []


def _config(given: Mapping[str, Any]) -> SearchConfig:
    """Return the configuration that the options ask for.

    Args:
        given: the values of the command's parameters, by name.
    """
    keys = {
        "data": "data",
        "image_size": "image_size",
        "limit": "limit",
        "sampler": "sampler",
        "early_stopping": "early_stopping",
        "promote": "promote",
        "seed": "seed",
        "budget_ms": "budgets.latency_ms",
        "budget_params": "budgets.params",
        "budget_macs": "budgets.macs",
        "budget_memory": "budgets.memory_bytes",
        "device": "latency.device",
        "threads": "latency.threads",
        "batch": "latency.batch_size",
        "dtype": "latency.dtype",
        "target": "latency.elsewhere",
        "runtime": "latency.runtime",
        "trials": "execution.trials",
        "patience": "execution.patience",
        "calibration": "execution.calibration_s",
        "workers": "execution.workers",
        "executor": "execution.executor",
        "address": "execution.address",
        "front_seeds": "execution.front_seeds",
    }
    overrides: dict[str, Any] = {key: given[name] for name, key in keys.items()}
    overrides["data_root"] = str(given["data_root"]) if given["data_root"] else None
    overrides["execution.baselines"] = given["baseline"] or None
    overrides["execution.log"] = given["log"] or None
    found, settings = ProblemList(), list[Setting]()
    with found.gathered():
        if given["rungs"] is not None:
            overrides["rungs"] = epochs_of(given["rungs"])
    with found.gathered():
        if given["time_limit"] is not None:
            overrides["execution.time_limit_s"] = seconds(given["time_limit"])
    with found.gathered():
        if given["recipe"] is not None:
            overrides["recipe"] = load_recipe(given["recipe"]).model_dump(mode="json")
    with found.gathered():
        if given["epochs"] is not None and given["epochs"] < 1:
            raise InputError(Problem("--epochs", "must be at least 1", given["epochs"]))
    with found.gathered():
        settings = settings_from(given["set_"] or [])
        refuse_twice(settings, {**overrides, "recipe.epochs": given["epochs"]})
    with found.gathered():
        config = configuration(given["space"], overrides, settings)
    found.check()
    return config if given["epochs"] is None else with_epochs(config, given["epochs"])


def configuration(
    path_or_name: str, overrides: dict[str, Any], settings: Sequence[Setting] = ()
) -> SearchConfig:
    """Return the configuration from a study file, or from a space, with values changed.

    Args:
        path_or_name: study or space.
        overrides: dotted key to value; None leaves a value as it is.
        settings: of ``--set``.

    Raises:
        InputError: with every problem.
    """
    data: dict[str, Any] = {"space": path_or_name}
    study = _study(path_or_name)
    if study is not None:
        data = study.search.model_dump(mode="json")
    for key, value in overrides.items():
        if value is None:
            continue
        *parents, last = key.split(".")
        target = data
        for parent in parents:
            target = target.setdefault(parent, {})
        target[last] = value
    try:
        return configured(data, settings)
    except InputError as error:
        raise InputError(
            [Problem(_option(p.key), p.rule, p.value, p.remedy) for p in error.problems]
        ) from None


def _option(key: str) -> str:
    """Return the option that gives a value, or an item of a list; the key itself without one."""
    return _OPTIONS.get(key) or _OPTIONS.get(re.sub(r"\.\d+$", "", key), key)


def refuse_twice(settings: Sequence[Setting], given: Mapping[str, Any]) -> None:
    """Refuse a value that both an option and ``--set`` give.

    Raises:
        InputError: with each of them.
    """
    problems = []
    for setting in settings:
        key = ".".join(setting.path)
        for full in (key, f"recipe.{key}"):
            if given.get(full) is not None:
                remedy = f"leave out {_OPTIONS.get(full, full)} or this"
                problems.append(setting.problem("is given twice", setting.value, remedy))
    if problems:
        raise InputError(problems)


_OPTIONS = {
    "recipe.epochs": "--epochs",
    "rungs": "--rungs",
    "promote": "--promote",
    "budgets.latency_ms": "--budget-ms",
    "budgets.params": "--budget-params",
    "budgets.macs": "--budget-macs",
    "budgets.memory_bytes": "--budget-memory",
    "latency.device": "--device",
    "latency.threads": "--threads",
    "latency.batch_size": "--batch",
    "latency.dtype": "--dtype",
    "latency.runtime": "--runtime",
    "execution.trials": "--trials",
    "execution.time_limit_s": "--time-limit",
    "execution.patience": "--patience",
    "execution.front_seeds": "--front-seeds",
    "execution.calibration_s": "--calibration",
    "execution.workers": "--workers",
    "execution.executor": "--executor",
    "execution.log": "--log",
    "image_size": "--image-size",
    "limit": "--limit",
    "seed": "--seed",
}


def _study(path_or_name: str) -> StudyFile | None:
    """Return the study that the argument names, None when it names a space."""
    try:
        path = find_yaml(path_or_name, "spaces")
    except InputError as missing:
        try:
            path = find_yaml(path_or_name, "studies")
        except InputError:
            raise missing from None
    source = load_yaml(path)
    if is_ablation(path):
        remedy = f"use archsearch ablate {path_or_name}"
        raise InputError(source.problem(("base",), "is an ablation, not a search", None, remedy))
    if not isinstance(source.data, dict) or "search" not in source.data:
        return None
    return value_from(StudyFile, source)


def with_epochs(config: SearchConfig, epochs: int) -> SearchConfig:
    """Return ``config`` with another number of epochs; a longer warm-up is cut to fit."""
    if epochs < 1:
        raise InputError(Problem("--epochs", "must be at least 1", epochs))
    recipe = config.recipe or default_recipe(config.data)
    warmup = min(recipe.warmup_epochs, epochs / 4)
    return config.model_copy(
        update={"recipe": recipe.model_copy(update={"epochs": epochs, "warmup_epochs": warmup})}
    )


def epochs_of(text: str) -> list[int]:
    """Return ``2,6`` as numbers.

    Raises:
        InputError: they are none.
    """
    try:
        return [int(each) for each in text.split(",")]
    except ValueError:
        rule = "must be numbers of epochs with commas between them"
        raise InputError(Problem("--rungs", rule, text, "e.g. 2,6")) from None


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> float:
    """Return ``90s``, ``30m``, ``2h`` or ``1d`` in seconds; a bare number is seconds.

    Raises:
        InputError: it is none of these.
    """
    unit = _UNITS.get(text[-1:].lower())
    try:
        duration = float(text[:-1]) * unit if unit else float(text)
    except ValueError:
        duration = math.nan
    if not 0 < duration < math.inf:
        rule = "must be a duration above 0, a number with s, m, h or d"
        raise InputError(Problem("--time-limit", rule, text, "e.g. 30m"))
    return duration
