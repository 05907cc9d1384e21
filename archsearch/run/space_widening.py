"""Resume a run in a wider space; its trials stay.

An Optuna study fixes the values of a categorical parameter, so the trials are written anew, with
the parameters that make the same architecture in the wider space, and the file takes the place of
the old one in a single step.
"""

import warnings

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from archsearch.arch import summary
from archsearch.errors import InputError, Problem
from archsearch.files import replacing
from archsearch.run.run_folder import RunFolder
from archsearch.search.storage import OWN_FILE, Storage
from archsearch.space import Params, SearchSpace

#: random configurations of the narrower space that must be in the wider one
_LOOKED_AT = 200


def narrowing_problems(old: SearchSpace, new: SearchSpace) -> list[Problem]:
    """Return what the wider space lacks of the narrower one; empty when it contains it.

    Every value of a parameter of both is compared; that nothing else was lost is seen from random
    configurations.
    """
    problems = []
    for name, parameter in old.parameters.items():
        kept = new.parameters.get(name)
        gone = [value for value in parameter.values if kept and value not in kept.values]
        if gone:
            rule = "must have every value that it had when the run was started, but lacks some"
            problems.append(
                Problem(name, f"{rule}: {gone}", remedy="leave them in, or give another --name")
            )
    if problems:
        return problems
    rng = np.random.default_rng(0)
    for _ in range(_LOOKED_AT):
        arch = old.arch(old.sample(rng))
        if new.params_of(arch) is None:
            lacking = summary(arch)
            rule = f"must contain the space that the run was started in, but lacks {lacking}"
            remedy = "only add values and options, or give another --name"
            return [Problem("space", rule, remedy=remedy)]
    return []


def widen(
    folder: RunFolder, storage: Storage, name: str, old: SearchSpace, new: SearchSpace
) -> None:
    """Write the study of a run anew for a wider space.

    Args:
        folder: of the run.
        storage: where its study is.
        name: of the study.
        old: the space it was started in.
        new: the space it goes on in.

    Raises:
        InputError: the new space does not contain the old one, or the study is not the run's own
            file.
        RunError: the study cannot be copied.
    """
    if problems := narrowing_problems(old, new):
        raise InputError(problems)
    if storage.file is None:
        rule = "only a run with its own SQLite file can go on in a wider space"
        raise InputError(Problem("--storage", rule, storage.shown, "give this run another --name"))
    path = folder.path / OWN_FILE
    if not path.is_file():
        return
    with replacing(path, durable=True) as fresh, storage.explain_errors("cannot be copied"):
        _copy(storage, Storage(file=fresh), name, old, new)


def _copy(source: Storage, target: Storage, name: str, old: SearchSpace, new: SearchSpace) -> None:
    from_storage, to_storage = source.open(), target.open()
    try:
        before = optuna.load_study(study_name=name, storage=from_storage)
        after = optuna.create_study(
            study_name=name, storage=to_storage, directions=before.directions
        )
        if before.metric_names:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                after.set_metric_names(before.metric_names)
        for key, value in before.user_attrs.items():
            after.set_user_attr(key, value)
        after.add_trials([_moved(trial, old, new) for trial in before.get_trials(deepcopy=False)])
    finally:
        for storage in (from_storage, to_storage):
            _close(storage)


def _close(storage: BaseStorage) -> None:
    """Give the file back: it is about to be replaced."""
    storage.remove_session()
    engine = getattr(getattr(storage, "_backend", storage), "engine", None)
    if engine is not None:
        engine.dispose()


def _moved(trial: FrozenTrial, old: SearchSpace, new: SearchSpace) -> FrozenTrial:
    """Return the trial's copy in the wider space, for the same architecture."""
    params = _params(dict(trial.params), old, new)
    system = dict(trial.system_attrs)
    if "fixed_params" in system:
        system["fixed_params"] = _params(dict(system["fixed_params"]), old, new)
    distributions: dict[str, BaseDistribution] = {
        name: CategoricalDistribution(list(new.parameters[name].values)) for name in params
    }
    is_complete = trial.state == TrialState.COMPLETE
    moved = create_trial(
        state=trial.state,
        values=trial.values if is_complete else None,
        params=params,
        distributions=distributions,
        user_attrs=trial.user_attrs,
        system_attrs=system,
    )
    moved.datetime_start, moved.datetime_complete = trial.datetime_start, trial.datetime_complete
    return moved


def _params(params: Params, old: SearchSpace, new: SearchSpace) -> Params:
    """Return the parameters of the same architecture in the wider space; empty for none."""
    if not params or old.problems(params):
        return {}
    return new.params_of(old.arch(params)) or {}
