"""The default sampler: model-based, one step ahead, over valid, unseen, feasible candidates.

A Gaussian process predicts each objective that must be learnt; what is known beforehand (latency
from a model of it, multiply-adds) is taken as known. Of a large pool of candidates, random ones and
relatives of the front, the one with the highest expected gain in hypervolume is proposed.
Running trials count with their predicted values, so that a batch spreads out.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import moocore
import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState
from threadpoolctl import ThreadpoolController

from archsearch.search.samplers.space_sampler import (
    SpaceExhaustedError,
    SpaceSampler,
    objective_signs,
)
from archsearch.search.samplers.surrogate.acquisition import (
    expected_improvement,
    hypervolume_improvement_2d,
    probability_below,
    scalarized_improvement,
)
from archsearch.search.samplers.surrogate.candidate_pool import CandidatePool
from archsearch.search.samplers.surrogate.gaussian_process import GaussianProcess
from archsearch.search.samplers.surrogate.observed_trials import (
    Observe,
    ObservedTrial,
    ObservedTrials,
    front_order,
    levels_of,
)
from archsearch.search.samplers.surrogate.rung_prediction import (
    Known,
    Learner,
    RungPrediction,
    pending,
)
from archsearch.space import Params, SearchSpace

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Accept = Callable[[Params], bool]

#: worst corner of the hypervolume whose gain is sought, where the front spans 0 to 1 and no limit
#: is given; farther out, the ends of the front gain at the cost of its middle. A front of few
#: points spans little: the corner is no better than the median of all results
_CORNER = 1.3
#: origin of a proposal that is guessed to be infeasible, as all that is left
UNLIKELY = "unlikely"
#: results that a model needs
_FEWEST = 4
#: random candidates of which one is taken, so that the first ones spread over what is known
_BROOD = 24


def observe_complete(trial: FrozenTrial) -> Sequence[float] | None:
    """Learn from complete trials alone."""
    return trial.values if trial.state == TrialState.COMPLETE else None


class ModelSampler(SpaceSampler):
    """Proposes by expected gain in hypervolume; works in any study over ``space``.

    Args:
        space: what is searched.
        seed: proposals depend on it, on the trial's number and on the recorded results, nothing
            else.
        known: objectives, by position, that can be computed without evaluating; where one
            returns None, it is learnt like the others.
        ideal: best possible value of objectives, by position, where there is one (accuracy 1):
            the models then learn the logarithm of what is missing.
        accept: refuses candidates that are known to be infeasible.
        limits: upper limits on user attributes of trials (what must be evaluated to be known),
            by the attribute's name.
        worst: worst values of objectives that are allowed, by position: up to there a better value
            of the other objectives is a gain.
        observe: reads a finished trial.
        excess: how far a candidate is expected beyond its limits. Where ``accept`` is a guess, and
            refuses all that is left, the least of these is proposed, with the origin `UNLIKELY`;
            None never proposes what is refused.
        num_initial: random proposals before the models are asked; None for twice the number of
            parameters, 10 to 16.
        spread: these come evenly from the range of the first known objective, by logarithm, where
            what costs least is also evaluated soonest.

    Attributes:
        origin: how the last proposal was made.
        exhausted: every configuration was proposed; what it proposes now are repeats.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int = 0,
        *,
        known: Mapping[int, Known] | None = None,
        ideal: Mapping[int, float] | None = None,
        accept: Accept = lambda params: True,
        limits: Mapping[str, float] | None = None,
        worst: Mapping[int, float] | None = None,
        observe: Observe = observe_complete,
        excess: Callable[[Params], float] | None = None,
        num_initial: int | None = None,
        spread: bool = False,
    ) -> None:
        super().__init__(space, seed)
        self._known = dict(known or {})
        self._ideal = dict(ideal or {})
        self._limits = dict(limits or {})
        self._worst = dict(worst or {})
        self._excess = excess
        width = 2 * len(space.parameters)
        self._num_initial = num_initial or min(16, max(10, width))
        self._brood = _BROOD if spread and self._known else 1
        self._pool = CandidatePool(space, accept, seed)
        self._observed = ObservedTrials(space, observe, tuple(self._limits))
        self._learners: dict[int, Learner] = {}
        self._limited: dict[str, GaussianProcess] = {}
        self.origin = "random"
        self.exhausted = False

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """Return all active parameters of one proposal."""
        signs = objective_signs(study)
        for each in self._observed.update(study, trial.number, signs):
            self._pool.mark_seen(each)
        if "fixed_params" in trial.system_attrs:
            return {}  # a queued trial has its parameters
        rng = np.random.default_rng((self._seed, trial.number))
        self._pool.number = trial.number
        try:
            # threads cost more than they gain on matrices of this size, and workers need the cores
            with _libraries().limit(limits=1, user_api="blas"):
                params = self._propose_any(rng, signs)
        except SpaceExhaustedError:
            # raising here would leave the trial RUNNING for ever
            self.exhausted = True
            params, self.origin = self._space.sample(rng), "repeat"
        return dict(params)

    # -- the proposal

    def _propose_any(self, rng: np.random.Generator, signs: Floats) -> Params:
        try:
            return self._propose(rng, signs)
        except SpaceExhaustedError:
            if self._excess is None:
                raise
            params = self._pool.least_unlikely(rng, self._excess)
            self.origin = UNLIKELY
            return params

    def _propose(self, rng: np.random.Generator, signs: Floats) -> Params:
        finished, running = self._observed.finished(), self._observed.running()
        begun = sum(each.rung == 0 for each in finished)
        beginning = sum(each.rung == 0 for each in running)
        if begun < max(_FEWEST, self._num_initial - beginning):
            self.origin = "random"
            return self._spread(rng)
        levels = levels_of(finished)
        top = levels[-1]
        values = np.array([each.values for each in top])
        feasible = np.array([each.feasible(self._limits) for each in top])
        relatives = [top[i].params for i in front_order(values, feasible)]
        params, encoded = self._pool.candidates(relatives)
        others = pending(levels, running)
        forecasts = [
            RungPrediction(j, sign, self._known.get(j), self._learner(j, sign), levels, others)
            for j, sign in enumerate(signs)
        ]
        if others:
            believed = np.stack([each.believed for each in forecasts], axis=1)
            values = np.concatenate([values, believed])
            kept = [each.trial.feasible(self._limits) for each in others]
            feasible = np.append(feasible, np.array(kept, dtype=bool))
        predicted = [each.predict(params, encoded) for each in forecasts]
        mean = np.stack([each[0] for each in predicted], axis=1)
        deviation = np.stack([each[1] for each in predicted], axis=1)
        worst = {at: signs[at] * value for at, value in self._worst.items()}
        gain = self._gain(values, feasible, mean, deviation, worst, rng)
        gain = gain * self._chance_of_limits(top, encoded)
        self.origin = "model"
        if not gain.any():
            # no expected gain: take the candidate with the largest uncertainty
            gain = deviation.sum(axis=1)
        return self._pool.first_new(params[i] for i in np.argsort(-gain, kind="stable"))

    def _spread(self, rng: np.random.Generator) -> Params:
        """Return a random candidate; with ``spread`` evenly from the range of what is known.

        Most networks of a space are slow. Fast ones teach as much, train in less time, and the
        front needs both. The range is that of some random candidates.
        """
        if self._brood == 1:
            return self._pool.draw(rng)
        brood = [self._pool.draw(rng) for _ in range(self._brood)]
        for known in self._known.values():
            values = [known(params) for params in brood]
            found = np.array([np.nan if each is None else each for each in values])
            if not (found > 0).all():  # unknown, or without a logarithm
                continue
            logs = np.log(found)
            wanted = logs.min() + rng.random() * np.ptp(logs)
            return brood[int(np.argmin(np.abs(logs - wanted)))]
        return brood[0]

    def _learner(self, objective: int, sign: float) -> Learner:
        if objective not in self._learners:
            ideal = self._ideal.get(objective)
            self._learners[objective] = Learner(
                self._space.encoding, None if ideal is None else sign * ideal
            )
        return self._learners[objective]

    def _chance_of_limits(self, finished: Sequence[ObservedTrial], encoded: Floats) -> Floats:
        """Return the chance that configurations keep the limits that must be learnt: (M,)."""
        chance = np.ones(len(encoded))
        for name, limit in self._limits.items():
            seen = [(t.encoded, t.attributes[name]) for t in finished if name in t.attributes]
            if len(seen) >= _FEWEST:
                rows, amounts = np.array([r for r, _ in seen]), np.array([v for _, v in seen])
                model = self._limited.setdefault(name, GaussianProcess(self._space.encoding))
                model.fit(rows, amounts)
                chance = chance * probability_below(*model.predict(encoded), limit)
        return chance

    def _gain(
        self,
        values: Floats,
        feasible: NDArray[np.bool_],
        mean: Floats,
        deviation: Floats,
        worst: Mapping[int, float],
        rng: np.random.Generator,
    ) -> Floats:
        good = values[feasible] if feasible.any() else values
        if values.shape[1] == 1:
            return expected_improvement(mean[:, 0], deviation[:, 0], float(good.min()))
        if values.shape[1] == 2:
            front = good[moocore.is_nondominated(good)]
            low, high = front.min(axis=0), front.max(axis=0)
            corner = np.maximum(low + _CORNER * (high - low), np.median(good, axis=0))
            for at, limit in worst.items():
                # no candidate lies beyond the worst of them, whatever the limit allows
                corner[at] = min(limit, max(good[:, at].max(), mean[:, at].max()))
            span = np.maximum(corner - low, 1e-12)
            # the known objective comes second, where it needs no quadrature
            order = [1, 0] if 0 in self._known else [0, 1]
            return hypervolume_improvement_2d(
                ((front - low) / span)[:, order],
                ((mean - low) / span)[:, order],
                (deviation / span)[:, order],
                np.ones(2),
            )
        return scalarized_improvement(good, mean, deviation, rng)


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()
