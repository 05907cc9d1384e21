"""A run folder made without training: a study on disk that holds a synthetic run."""

import warnings
from pathlib import Path

import optuna
import pytest

from archsearch.record import RunRecord
from archsearch.run import RunFolder
from tests.report.synthetic_run import synthetic_run

BUDGET_MS = 5.0


def write_run(folder: RunFolder, run: RunRecord) -> RunFolder:
    """Write ``run`` as the folder that `archsearch run` would have left."""
    write_config(folder, run)
    study = optuna.create_study(
        storage=folder.storage, study_name=folder.name, directions=["maximize", "minimize"]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names(["accuracy", "latency_ms"])
    for trial in run.trials:
        study.add_trial(frozen(trial))
    finals = {
        str(trial.number): trial.model_dump(
            mode="json", include={"final_latency", "test_accuracy", "checkpoint"}
        )
        for trial in run.trials
        if trial.final_latency is not None
    }
    study.set_user_attr("finals", finals)
    seeds = {
        str(trial.number): [each.model_dump(mode="json") for each in trial.other_seeds]
        for trial in run.trials
        if trial.other_seeds
    }
    study.set_user_attr("other_seeds", seeds)
    study.set_user_attr("wall_s", run.wall_s)
    study.set_user_attr("time_by_cause", run.time_by_cause)
    return folder


def write_config(folder: RunFolder, run: RunRecord) -> None:
    folder.create(
        {
            "archsearch": "0.1.0",
            "identity": {
                "data": "digits",
                "seed": 0,
                "sampler": "model",
                "budgets": {"latency_ms": run.budget_ms, "params": None, "macs": None},
                "latency": {"batch_size": 1, "threads": 1, "dtype": "float32", "runtime": "eager"},
            },
            "space_name": "lightweight",
            "recipe": {"epochs": 6},
            "data": {"train": 1000, "val": 360, "test": 359, "num_classes": 10},
            "storage": folder.storage,
            "environment": run.environment.model_dump(mode="json"),
        }
    )


def frozen(trial) -> optuna.trial.FrozenTrial:
    """Return a trial as the search tells it."""
    stored = trial.model_copy(
        update={"final_latency": None, "test_accuracy": None, "checkpoint": "", "other_seeds": ()}
    )
    states = {"complete": "COMPLETE", "failed": "FAIL"}
    complete = trial.state == "complete"
    claimed = trial.latency.claimed_ms
    excess = 0.0 if claimed is None else (claimed - BUDGET_MS) / BUDGET_MS
    made = optuna.trial.create_trial(
        state=optuna.trial.TrialState[states.get(trial.state, "PRUNED")],
        values=[trial.accuracy, trial.latency.median_ms] if complete else None,
        params={"depth": trial.arch.stages[0].depth},
        distributions={"depth": optuna.distributions.CategoricalDistribution([1, 2, 3, 4])},
        user_attrs={"record": stored.to_dict(), "origin": trial.origin},
    )
    made.set_constraint("latency_ms", excess)
    return made


@pytest.fixture(scope="session")
def run() -> RunRecord:
    return synthetic_run(30, name="usual")


@pytest.fixture(scope="session")
def folder(run: RunRecord, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that nobody writes to."""
    return write_run(RunFolder(tmp_path_factory.mktemp("runs") / "usual"), run)


@pytest.fixture
def own_folder(run: RunRecord, tmp_path: Path) -> RunFolder:
    """A run that a test may write to."""
    return write_run(RunFolder(tmp_path / "usual"), run)
