"""The front as plain data: what ``front.json`` holds."""

from typing import Any

from archsearch.analysis import SecondLook, accuracy_interval, front_trials, num_images
from archsearch.arch import summary
from archsearch.record import RunRecord, TrialRecord
from archsearch.report.certainty import look_at


def front_points(run: RunRecord) -> list[dict[str, Any]]:
    """Return one mapping for every trial of the front, by increasing latency.

    Keys: ``trial``, ``digest``, ``accuracy`` and ``test_accuracy`` (0 to 1), their
    ``accuracy_interval`` (95 %, from the number of validation images; None when that is not
    known), ``latency_ms``, ``latency_interval_ms`` (95 %), ``latency_environment``, ``params``,
    ``macs`` (one image), ``seed``, ``summary`` and ``arch``; and of trainings with other seeds
    ``seed_accuracies`` (by seed), ``seed_mean``, ``seed_sd``, and against the next faster trial
    over them ``faster_trial``, ``faster_difference``, ``faster_interval`` (95 %, for all trials
    together) and ``faster_verdict``, None where there is nothing to compare.
    """
    n, look = num_images(run), look_at(run)
    return [{**_point(trial, n), **_seeds(trial, look)} for trial in front_trials(run)]


def _seeds(trial: TrialRecord, look: SecondLook | None) -> dict[str, Any]:
    means = {each.trial: each for each in look.means} if look else {}
    against = {each.trial: each for each in look.neighbours} if look else {}
    mean, faster = means.get(trial.number), against.get(trial.number)
    return {
        "seed_accuracies": {str(seed): value for seed, value in trial.seed_accuracies.items()},
        "seed_mean": mean.mean if mean else None,
        "seed_sd": mean.sd if mean else None,
        "faster_trial": faster.faster if faster else None,
        "faster_difference": faster.difference if faster else None,
        "faster_interval": list(faster.interval) if faster else None,
        "faster_verdict": faster.verdict if faster else None,
    }


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
