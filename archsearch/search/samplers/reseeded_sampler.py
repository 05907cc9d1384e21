"""Optuna's own samplers with a random state that belongs to the trial, not to the process."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState


class ReseededSampler(BaseSampler):
    """Lets a fresh sampler propose each trial, seeded by the number of the trial.

    Optuna's samplers draw from one sequence: a search that was interrupted would begin it again,
    and propose what it had proposed.

    Args:
        build: makes a sampler from a seed.
        seed: of all proposals.

    Attributes:
        origin: name of the sampler.
    """

    def __init__(self, build: Callable[[int], BaseSampler], seed: int) -> None:
        self._build, self._seed = build, seed
        self._number = 0
        self._inner = build(seed)
        self.origin = type(self._inner).__name__

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return what the trial's sampler does."""
        return self._of(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return what the trial's sampler does."""
        return self._of(trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return what the trial's sampler does."""
        return self._of(trial).sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Begin a trial."""
        self._of(trial).before_trial(study, trial)

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """End a trial."""
        self._of(trial).after_trial(study, trial, state, values)

    def _of(self, trial: FrozenTrial) -> BaseSampler:
        if trial.number != self._number:
            seeds = np.random.SeedSequence((self._seed, trial.number))
            self._inner = self._build(int(seeds.generate_state(1)[0]))
            self._number = trial.number
        return self._inner
