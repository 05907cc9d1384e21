"""A run for a notebook: its trials as a pandas frame, its figures as plotly objects."""

import importlib
from typing import Any

from archsearch.analysis import Reported, front_trials, run_accuracies
from archsearch.arch import summary
from archsearch.errors import InputError, Problem
from archsearch.record import RunRecord, TrialRecord
from archsearch.report.figures import Drawing
from archsearch.report.layout import load_layout


def run_frame(run: RunRecord) -> Any:
    """Return a pandas frame with one row a trial, its number as the index.

    Columns: ``state``, ``on_front``, ``accuracy`` (0 to 1; the one that every table leads with:
    the mean over ``accuracy_seeds`` independent seeds, with 0 of them that of the seed that
    chose) with ``accuracy_low`` and ``accuracy_high`` (95 %), ``selected_accuracy`` (with the seed
    that chose), ``test_accuracy``, ``latency_ms`` with ``latency_low_ms`` and ``latency_high_ms``
    (its interval), ``latency_verdict`` and ``latency_confirmed`` (measured again in
    quiet at the end of the run), ``params``, ``macs``, ``epochs``, ``seconds`` in training,
    ``origin``, ``inherited_from``, ``seed``, ``reason``, ``digest``, ``summary``; then one column
    for each choice of the space, under its own name.

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
    reported = run_accuracies(run)
    rows = [
        _row(trial, trial.number in on_front, reported.get(trial.number)) for trial in run.trials
    ]
    index = pandas.Index([trial.number for trial in run.trials], name="trial", dtype="int64")
    columns = list(_row(run.trials[0], False, None)) if run.trials else ["state", "accuracy"]
    names = dict.fromkeys([*columns, *(key for row in rows for key in row)])
    return pandas.DataFrame(rows, index=index, columns=list(names))


def _row(trial: TrialRecord, on_front: bool, found: Reported | None) -> dict[str, Any]:
    low, high = found.interval if found and found.interval else (None, None)
    latency = trial.known_latency
    fast, slow = (latency and latency.interval_ms) or (None, None)
    return {
        "state": trial.state,
        "on_front": on_front,
        "accuracy": found.value if found else None,
        "accuracy_low": low,
        "accuracy_high": high,
        "accuracy_seeds": found.num_seeds if found else None,
        "selected_accuracy": trial.accuracy,
        "test_accuracy": trial.test_accuracy,
        "latency_ms": trial.latency_ms,
        "latency_low_ms": fast,
        "latency_high_ms": slow,
        "latency_verdict": latency.verdict if latency else None,
        "latency_confirmed": trial.is_confirmed,
        "params": trial.params,
        "macs": trial.macs,
        "epochs": len(trial.curve),
        "seconds": sum(metrics.seconds for metrics in trial.curve),
        "origin": trial.origin,
        "inherited_from": trial.inherited.source if trial.inherited else None,
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
