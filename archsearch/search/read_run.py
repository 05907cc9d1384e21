"""Read a run back from its folder."""

from pathlib import Path
from typing import Any

import optuna
from pydantic import ValidationError

from archsearch import __version__
from archsearch.analysis import pareto_front
from archsearch.errors import InputError, Problem
from archsearch.record import BaselineRecord, Environment, RunRecord
from archsearch.search.run_folder import RunFolder, find_run
from archsearch.search.store import open_to_read, read_records


def load_run(run: str | Path | RunFolder, runs_dir: str | Path = "runs") -> RunRecord:
    """Return everything known about a run; it may still be going on.

    Args:
        run: folder of a run, or its name inside ``runs_dir``.
        runs_dir: where runs are kept.

    Raises:
        InputError: there is no such run, or its study cannot be read.
    """
    folder = run if isinstance(run, RunFolder) else find_run(run, runs_dir)
    config = folder.read_config()
    _check_version(folder, str(config.get("archsearch", "")))
    try:
        # two that open an empty database both make its tables: the driver is to be the one
        storage = open_to_read(config["storage"]) if folder.is_driven else config["storage"]
        study = optuna.load_study(study_name=folder.name, storage=storage)
    except Exception as error:
        raise InputError(
            Problem(
                "storage",
                f"the study of run '{folder.name}' cannot be read ({error})",
                remedy="was the folder moved? its config.yaml names the storage",
                file=str(folder.config),
            )
        ) from error
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


def run_record(
    folder: RunFolder, config: dict[str, Any], trials: list[Any], attributes: dict[str, Any]
) -> RunRecord:
    """Put together the record of a run from its configuration, trials and study attributes."""
    budget_ms = config["identity"]["budgets"]["latency_ms"]
    return RunRecord(
        name=folder.name,
        config=config,
        environment=Environment.model_validate(config["environment"]),
        trials=tuple(trials),
        front=tuple(record.number for record in pareto_front(trials, budget_ms)),
        budget_ms=budget_ms,
        wall_s=attributes.get("wall_s", 0.0),
        time_by_cause=attributes.get("time_by_cause", {}),
        notes=tuple(attributes.get("notes", ())),
        baselines=tuple(
            BaselineRecord.model_validate(each)
            for _, each in sorted(attributes.get("baselines", {}).items())
        ),
    )
