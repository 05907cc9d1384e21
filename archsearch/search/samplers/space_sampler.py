"""The base of our samplers: Optuna's view of a search space, and a trial's parameters."""

from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState

from archsearch.errors import RunError
from archsearch.space import Params, SearchSpace


class SpaceExhaustedError(RunError):
    """Every configuration of the space that may keep the limits was proposed before."""


class SpaceSampler(optuna.samplers.BaseSampler):
    """A sampler that proposes all parameters of a space at once.

    Args:
        space: what is searched.
        seed: of proposals.
    """

    def __init__(self, space: SearchSpace, seed: int) -> None:
        self._space = space
        self._seed = seed

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return every parameter of the space, conditional ones included."""
        return {
            name: CategoricalDistribution(list(parameter.values))
            for name, parameter in self._space.parameters.items()
        }

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return a random value for a parameter that is not part of the space."""
        assert isinstance(param_distribution, CategoricalDistribution)
        rng = np.random.default_rng((self._seed, trial.number, 1))
        return param_distribution.choices[rng.integers(len(param_distribution.choices))]


def objective_signs(study: optuna.Study) -> NDArray[np.float64]:
    """Return (M,): -1 for objectives that are maximised, 1 for the others."""
    maximised = optuna.study.StudyDirection.MAXIMIZE
    return np.array([-1.0 if each == maximised else 1.0 for each in study.directions])


def params_in(space: SearchSpace, trial: FrozenTrial) -> Params | None:
    """Return the parameters of a trial, queued ones included; None where they are not valid."""
    params: Params = dict(trial.params)
    if trial.state == TrialState.WAITING:
        queued = trial.system_attrs.get("fixed_params", {})
        params = {name: value for name, value in queued.items() if name in space.parameters}
    return params if params and not space.problems(params) else None
