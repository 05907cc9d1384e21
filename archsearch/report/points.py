"""The front as plain data: what ``front.json`` holds."""

from typing import Any

from archsearch.analysis import accuracy_interval, front_trials, num_images
from archsearch.arch import summary
from archsearch.record import RunRecord, TrialRecord


def front_points(run: RunRecord) -> list[dict[str, Any]]:
    """Return one mapping for every trial of the front, by increasing latency.

    Keys: ``trial``, ``digest``, ``accuracy`` and ``test_accuracy`` (0 to 1), their
    ``accuracy_interval`` (95 %, from the number of validation images; None when that is not
    known), ``latency_ms``, ``latency_interval_ms`` (95 %), ``latency_environment``, ``params``,
    ``macs`` (one image), ``seed``, ``summary`` and ``arch``.
    """
    n = num_images(run)
    return [_point(trial, n) for trial in front_trials(run)]


def _point(trial: TrialRecord, n: int | None) -> dict[str, Any]:
    latency = trial.final_latency or trial.latency
    known = trial.accuracy is not None and n is not None
    return {
        "trial": trial.number,
        "digest": trial.digest,
        "accuracy": trial.accuracy,
        "accuracy_interval": list(accuracy_interval(trial.accuracy or 0.0, n or 1))
        if known
        else None,
        "test_accuracy": trial.test_accuracy,
        "latency_ms": trial.latency_ms,
        "latency_interval_ms": list(latency.interval_ms) if latency else None,
        "latency_environment": latency.environment if latency else None,
        "params": trial.params,
        "macs": trial.macs,
        "seed": trial.seed,
        "summary": summary(trial.arch),
        "arch": trial.arch.to_dict(),
    }
