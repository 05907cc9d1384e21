"""The importance of a search's choices: Optuna's importances, and our marginals."""

import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection

from archsearch.analysis.marginals import Marginal, choice_marginals
from archsearch.errors import InputError, Problem
from archsearch.record import Environment, TrialRecord
from archsearch.run.run_folder import find_run
from archsearch.run.run_reader import load_run, open_study
from archsearch.search.study_store import RECORD
from archsearch.space import Params

#: fewer trials than this say nothing about importance
FEWEST = 20
#: nor does a parameter that is active in fewer than this
_FEWEST_ACTIVE = 5
#: PED-ANOVA takes this share of the trials as the best, and at least this many
_BEST_SHARE, _BEST_TRIALS = 0.1, 5


class ParameterImportance(NamedTuple):
    """Shares of 1 over all parameters; None where a method cannot assess the parameter.

    Attributes:
        name: of the parameter.
        num_trials: complete trials in which it was active.
        accuracy_fanova: share of the variance of accuracy (Hutter et al. 2014).
        accuracy_ped: share of what tells the best tenth from all trials (Watanabe et al. 2023).
        latency_fanova: the first for log latency.
        latency_ped: the second for the fastest tenth.
    """

    name: str
    num_trials: int
    accuracy_fanova: float | None
    accuracy_ped: float | None
    latency_fanova: float | None
    latency_ped: float | None


class RunImportance(NamedTuple):
    """The importance of a run's choices.

    Attributes:
        name: of the run.
        environment: where latency was measured.
        num_accuracy: trials with an accuracy of their last epoch.
        num_latency: trials with a latency, those over budget included.
        parameters: the most important for accuracy first.
        marginals: of every value of every parameter that occurs often enough.
        remarks: sentences on a teacher or inherited weights; none without.
    """

    name: str
    environment: Environment
    num_accuracy: int
    num_latency: int
    parameters: tuple[ParameterImportance, ...]
    marginals: tuple[Marginal, ...]
    remarks: tuple[str, ...] = ()


class _Seen(NamedTuple):
    params: Params
    distributions: dict[str, BaseDistribution]
    record: TrialRecord


def run_importance(run: str | Path, runs_dir: str | Path = "runs") -> RunImportance:
    """Assess the choices of a run; it may still be going on.

    fANOVA knows parameters that are active in every trial only; PED-ANOVA those of five or more.
    Accuracy is that of the trials trained to the end; latency that of all measured, so that the
    budget does not hide what is slow.

    Args:
        run: folder of a run, or its name inside ``runs_dir``.
        runs_dir: where runs are kept.

    Raises:
        InputError: there is no such run, or it has fewer than 20 complete trials.
    """
    record = load_run(run, runs_dir)
    seen = _seen(run, runs_dir, record.trials)
    trained = [each for each in seen if each.record.state == "complete"]
    trained = [each for each in trained if each.record.accuracy is not None]
    measured = [each for each in seen if each.record.latency_ms is not None]
    if len(trained) < FEWEST:
        rule = f"importance needs at least {FEWEST} trials that were trained to the end"
        raise InputError(Problem("run", rule, len(trained), "let the run go on", file=record.name))
    accuracy = [each.record.accuracy or 0.0 for each in trained]
    log_ms = [float(np.log(each.record.latency_ms or 1.0)) for each in measured]
    by_accuracy = _importances(trained, accuracy, StudyDirection.MAXIMIZE)
    by_latency = _importances(measured, log_ms, StudyDirection.MINIMIZE)
    timed = [each for each in trained if each.record.latency_ms is not None]
    return RunImportance(
        name=record.name,
        environment=record.environment,
        num_accuracy=len(trained),
        num_latency=len(measured),
        parameters=_joined(trained, by_accuracy, by_latency),
        marginals=choice_marginals(
            [each.params for each in timed],
            [each.record.accuracy or 0.0 for each in timed],
            [each.record.latency_ms or 1.0 for each in timed],
        ),
        remarks=record.remarks,
    )


def _seen(run: str | Path, runs_dir: str | Path, records: Sequence[TrialRecord]) -> list[_Seen]:
    """Return each trial with a record of its own; parameters of a single value are left out."""
    folder = find_run(run, runs_dir)
    study = open_study(folder, folder.read_config())
    known = {record.number: record for record in records}
    found = []
    for trial in study.get_trials(deepcopy=False):
        # repeats of an architecture carry no record and would count its luck twice
        if RECORD in trial.user_attrs and trial.number in known:
            free = {n: d for n, d in trial.distributions.items() if not d.single()}
            params = {name: trial.params[name] for name in free}
            found.append(_Seen(params, free, known[trial.number]))
    return found


def _importances(
    seen: Sequence[_Seen], values: Sequence[float], direction: StudyDirection
) -> tuple[dict[str, float], dict[str, float]]:
    """Return parameter to share by fANOVA and by PED-ANOVA."""
    from optuna.importance import (  # loads scikit-learn
        FanovaImportanceEvaluator,
        PedAnovaImportanceEvaluator,
        get_param_importances,
    )

    if len(seen) < FEWEST or np.ptp(values) == 0:
        return {}, {}
    always = [name for name in seen[0].params if all(name in each.params for each in seen)]
    counts = Counter(name for each in seen for name in each.params)
    often = [name for name, count in counts.items() if count >= _FEWEST_ACTIVE]
    share = max(_BEST_SHARE, min(0.5, _BEST_TRIALS / len(seen)))
    with warnings.catch_warnings():
        # experimental, and a conditional parameter whose other half has one trial: both are known
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.simplefilter("ignore", UserWarning)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(direction=direction)
        for each, value in zip(seen, values, strict=True):
            study.add_trial(_frozen(each, value))
        shares = [
            get_param_importances(study, evaluator=evaluator, params=params) if params else {}
            for evaluator, params in (
                (FanovaImportanceEvaluator(seed=0), always),
                (PedAnovaImportanceEvaluator(target_quantile=share), often),
            )
        ]
        return shares[0], shares[1]


def _frozen(seen: _Seen, value: float) -> optuna.trial.FrozenTrial:
    return optuna.trial.create_trial(
        params=dict(seen.params), distributions=dict(seen.distributions), value=value
    )


def _joined(
    trained: Sequence[_Seen],
    accuracy: tuple[dict[str, float], dict[str, float]],
    latency: tuple[dict[str, float], dict[str, float]],
) -> tuple[ParameterImportance, ...]:
    names = dict.fromkeys(name for shares in (*accuracy, *latency) for name in shares)
    rows = [
        ParameterImportance(
            name,
            sum(name in each.params for each in trained),
            *(shares.get(name) for shares in (*accuracy, *latency)),
        )
        for name in names
    ]
    return tuple(sorted(rows, key=_weight, reverse=True))


def _weight(row: ParameterImportance) -> float:
    return max(row.accuracy_fanova or 0.0, row.accuracy_ped or 0.0)
