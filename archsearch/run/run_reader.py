"""Read a run back from its folder."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from pydantic import ValidationError

from archsearch import __version__
from archsearch.analysis import pareto_front
from archsearch.errors import InputError, Problem
from archsearch.record import (
    EVEN_CHANCE,
    FIRST_TARGET,
    Aims,
    BaselineRecord,
    Environment,
    RunRecord,
)
from archsearch.run.private_paths import shareable
from archsearch.run.run_folder import RunFolder, find_run
from archsearch.search.storage import STORAGE_ERRORS, Storage
from archsearch.search.study_store import LATENCY_NOTES, read_records


def load_run(run: str | Path | RunFolder, runs_dir: str | Path = "runs") -> RunRecord:
    """Return everything known about a run; it may still be going on.

    Args:
        run: folder of a run, or its name inside ``runs_dir``.
        runs_dir: where runs are kept.

    Raises:
        InputError: there is no such run, or its study cannot be read.

    Examples:
        Of a run in ``runs/tiny-digits-50ms``:

            run = archsearch.load_run("tiny-digits-50ms")
            frame = run.frame()  # pandas, one row a trial
            best = archsearch.analysis.choose(run, "best")
            model = archsearch.build_model(best.arch)
    """
    folder = run if isinstance(run, RunFolder) else find_run(run, runs_dir)
    config = folder.read_config()
    _check_version(folder, str(config.get("archsearch", "")))
    study = open_study(folder, config)
    try:
        return run_record(folder, config, read_records(study), study.user_attrs)
    except (KeyError, ValidationError) as error:
        raise InputError(
            Problem(
                "",
                f"run '{folder.name}' holds records that cannot be read: {error}",
                remedy="was it written by another version, or edited?",
                file=str(folder.path),
            )
        ) from error


def open_study(folder: RunFolder, config: Mapping[str, Any]) -> optuna.Study:
    """Return the Optuna study of a run, to be read.

    Raises:
        InputError: it cannot be read.
    """
    storage = folder.storage_in(config)
    try:
        opened = storage.open_to_look(folder.is_driven)
        return optuna.load_study(study_name=study_name(folder, config, storage), storage=opened)
    except Exception as error:  # drivers raise what they like
        sentence = storage.sentence(error, f"of run '{folder.name}' cannot be read")
        raise InputError(Problem("storage", sentence, file=str(folder.config))) from None


def study_name(folder: RunFolder, config: Mapping[str, Any], storage: Storage) -> str:
    """Return the name of a run's study, which a renamed folder does not have.

    Runs of earlier versions did not note it: the run's own file holds no other study.
    """
    if noted := config.get("study"):
        return str(noted)
    if storage.file is not None and storage.file.is_file():
        with contextlib.suppress(*STORAGE_ERRORS):
            names = optuna.get_all_study_names(storage.open_to_read())
            if len(names) == 1:
                return str(names[0])
    return folder.name


def _check_version(folder: RunFolder, written_by: str) -> None:
    """Refuse a run of a version that may write what this one does not know.

    Versions count by their first two numbers: those are what a change of format raises.
    """
    theirs, ours = _numbers(written_by), _numbers(__version__)
    if theirs and ours > (0, 0) and theirs > ours:
        raise InputError(
            Problem(
                "archsearch",
                f"run '{folder.name}' was written by a newer version than this one, {__version__}",
                written_by,
                "pip install --upgrade archsearch",
                file=str(folder.config),
            )
        )


def _numbers(version: str) -> tuple[int, ...]:
    """Return the first two numbers of a version; empty for what is none."""
    parts = version.split(".")[:2]
    return tuple(int(each) for each in parts) if all(map(str.isdigit, parts)) else ()


def aims_of(identity: Mapping[str, Any]) -> Aims:
    """Return the objectives of a run's front, from the configuration in its folder.

    Runs of earlier versions name neither objectives, further targets nor a confidence.
    """
    targets = identity.get("targets") or {}
    names = identity.get("objectives") or ("accuracy", FIRST_TARGET, *(f"{n}_ms" for n in targets))
    budgets = {FIRST_TARGET: identity["budgets"].get("latency_ms")}
    budgets |= {f"{name}_ms": target.get("budget_ms") for name, target in targets.items()}
    return Aims(
        objectives=tuple(dict.fromkeys(("accuracy", *names))),
        budgets_ms={name: limit for name, limit in budgets.items() if limit is not None},
        confidence=identity.get("budget_confidence", EVEN_CHANCE),
    )


def run_record(
    folder: RunFolder, config: dict[str, Any], trials: list[Any], attributes: dict[str, Any]
) -> RunRecord:
    """Put together the record of a run from its configuration, trials and study attributes.

    The record goes into pages that people share: its configuration has no private paths.
    """
    aims = aims_of(config["identity"])
    return RunRecord(
        name=folder.name,
        config=shareable(config),
        environment=Environment.model_validate(config["environment"]),
        trials=tuple(trials),
        front=tuple(record.number for record in pareto_front(trials, aims)),
        budget_ms=aims.budgets_ms.get(FIRST_TARGET),
        aims=aims,
        wall_s=attributes.get("wall_s", 0.0),
        time_by_cause=attributes.get("time_by_cause", {}),
        notes=(*attributes.get("notes", ()), *attributes.get(LATENCY_NOTES, {}).values()),
        baselines=tuple(
            BaselineRecord.model_validate(each)
            for _, each in sorted(attributes.get("baselines", {}).items())
        ),
    )
