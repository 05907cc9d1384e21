"""A run for a notebook: its trials as a pandas frame, its figures as plotly objects."""

import importlib
from typing import Any

from archsearch.analysis import front_trials
from archsearch.arch import summary
from archsearch.errors import InputError, Problem
from archsearch.record import RunRecord, TrialRecord
from archsearch.report.figures import Drawing
from archsearch.report.layout import load_layout


def run_frame(run: RunRecord) -> Any:
    """Return a pandas frame with one row a trial, its number as the index.

    Columns: ``state``, ``on_front``, ``accuracy`` and ``test_accuracy`` (0 to 1), ``latency_ms``
    with ``latency_low_ms`` and ``latency_high_ms`` (95 %; final measurement where there is one),
    ``params``, ``macs``, ``epochs``, ``seconds`` in training, ``origin``, ``seed``, ``reason``,
    ``digest``, ``summary``; then one column for each choice of the space, under its own name.

    Raises:
        InputError: pandas is not installed.
    """
    try:
        pandas = importlib.import_module("pandas")
    except ImportError:
        raise InputError(
            Problem(
                "",
                "a frame needs the package pandas, which is not installed",
                remedy="pip install 'archsearch[notebook]'",
            )
        ) from None
    on_front = {trial.number for trial in front_trials(run)}
    rows = [_row(trial, trial.number in on_front) for trial in run.trials]
    index = pandas.Index([trial.number for trial in run.trials], name="trial", dtype="int64")
    columns = list(_row(run.trials[0], False)) if run.trials else ["state", "accuracy"]
    names = dict.fromkeys([*columns, *(key for row in rows for key in row)])
    return pandas.DataFrame(rows, index=index, columns=list(names))


def _row(trial: TrialRecord, on_front: bool) -> dict[str, Any]:
    latency = trial.final_latency or trial.latency
    return {
        "state": trial.state,
        "on_front": on_front,
        "accuracy": trial.accuracy,
        "test_accuracy": trial.test_accuracy,
        "latency_ms": trial.latency_ms,
        "latency_low_ms": latency.interval_ms[0] if latency else None,
        "latency_high_ms": latency.interval_ms[1] if latency else None,
        "params": trial.params,
        "macs": trial.macs,
        "epochs": len(trial.curve),
        "seconds": sum(metrics.seconds for metrics in trial.curve),
        "origin": trial.origin,
        "seed": trial.seed,
        "reason": trial.reason,
        "digest": trial.digest,
        "summary": summary(trial.arch),
        **trial.choices,
    }


def run_figures(run: RunRecord, layout: str = "search") -> dict[str, Any]:
    """Return the figures of a page as plotly objects, by their keys: ``front``, ``curves`` ...

    Args:
        run: the run.
        layout: name of a shipped dashboard, or the path of one.

    Raises:
        InputError: there is no such layout.
    """
    made = (item(run) for section in load_layout(layout).sections for item in section.items)
    return {each.key: each.figure for each in made if isinstance(each, Drawing)}
