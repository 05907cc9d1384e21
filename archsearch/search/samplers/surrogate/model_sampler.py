"""The default sampler: model-based, one step ahead, over valid, unseen, feasible candidates.

A Gaussian process predicts each objective that must be learnt; what is known beforehand (latency
from a model of it, multiply-adds) is taken as known. Of a large pool of candidates, random ones and
relatives of the front, the one with the highest expected gain in hypervolume is proposed.
Running trials count with their predicted values, so that a batch spreads out.

With several fidelities the model learns from the curves of all trainings, short and whole. Every
configuration that has begun then counts with what it is expected to reach, and the model also
chooses which paused one continues.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache, partial
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
from archsearch.search.samplers.surrogate.beliefs import Beliefs, Believer
from archsearch.search.samplers.surrogate.candidate_pool import CandidatePool
from archsearch.search.samplers.surrogate.curve_model import bin_ends, middles
from archsearch.search.samplers.surrogate.gaussian_process import GaussianProcess, settled
from archsearch.search.samplers.surrogate.objective_prediction import Known
from archsearch.search.samplers.surrogate.observed_trials import (
    Observe,
    ObserveCurve,
    ObservedTrial,
    ObservedTrials,
    front_order,
    front_ranks,
)
from archsearch.space import Params, SearchSpace

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Accept = Callable[[Params], bool]

#: worst corner of the hypervolume whose gain is sought, where the front spans 0 to 1 and no limit
#: is given; farther out, the ends of the front gain at the cost of its middle. A front of few
#: points spans little: the corner is no better than the median of all results. Where most results
#: are predictions, the front is too uncertain to span anything: all that is known counts
_CORNER = 1.3
#: origin of a proposal that is guessed to be infeasible, as all that is left
UNLIKELY = "unlikely"
#: results from which a model of curves chooses its settings: all of the first ones, then more
#: and more; choosing takes some tenths of a second
_SETTLED, _GROWTH = 16, 1.15
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
        fidelities: of the rungs, increasing; one or none for a search at one fidelity.
        observe_curve: reads a finished trial after every unit of fidelity (epoch); None where only
            the values at the rungs are known.

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
        fidelities: Sequence[float] = (),
        observe_curve: ObserveCurve | None = None,
    ) -> None:
        super().__init__(space, seed)
        self._known = dict(known or {})
        self._limits = dict(limits or {})
        self._worst = dict(worst or {})
        self._excess = excess
        width = 2 * len(space.parameters)
        self._num_initial = num_initial or min(16, max(10, width))
        self._brood = _BROOD if spread and self._known else 1
        self._pool = CandidatePool(space, accept, seed)
        self._has_rungs = len(fidelities) > 1
        self._ends = bin_ends([int(each) for each in fidelities]) if observe_curve else ()
        positions = middles(self._ends) if observe_curve else fidelities
        self._believer = Believer(space.encoding, self._known, ideal or {}, positions)
        self._observed = ObservedTrials(
            space, observe, tuple(self._limits), observe_curve if self._has_rungs else None
        )
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
        if self._is_early():
            self.origin = "random"
            return self._spread(rng)
        beliefs = self._believe(signs)
        feasible = beliefs.feasible(self._limits)
        relatives = [
            beliefs.trials[i].params
            for i in front_order(beliefs.values, feasible)
            if self._has_rungs or beliefs.trials[i].finished
        ]
        params, encoded = self._pool.candidates(relatives)
        mean, deviation = beliefs.predict(params, encoded)
        gain = self._gain(beliefs.values, feasible, mean, deviation, self._worst_of(signs), rng)
        gain = gain * self._chance_of_limits(beliefs.trials, encoded)
        self.origin = "model"
        if not gain.any():
            # no expected gain: take the candidate with the largest uncertainty
            gain = deviation.sum(axis=1)
        return self._pool.first_new(params[i] for i in np.argsort(-gain, kind="stable"))

    def _is_early(self) -> bool:
        """Tell whether there is too little to learn from."""
        finished, running = self._observed.finished(), self._observed.running()
        begun = sum(each.rung == 0 for each in finished)
        beginning = sum(each.rung == 0 for each in running)
        return begun < max(_FEWEST, self._num_initial - beginning)

    def _believe(self, signs: Floats) -> Beliefs:
        if self._has_rungs:
            count = settled(len(self._observed.finished()), _SETTLED, _GROWTH)
            early = partial(self._observed.trainings, self._ends, count)
            trainings = self._observed.trainings(self._ends)
            return self._believer.from_curves(trainings, signs, (count, early))
        return self._believer.from_values(
            self._observed.finished(), self._observed.running(), signs
        )

    def _worst_of(self, signs: Floats) -> dict[int, float]:
        return {at: signs[at] * value for at, value in self._worst.items()}

    # -- what continues

    def continue_with(
        self, study: optuna.Study, paused: Sequence[int], whole: Collection[int], is_last: bool
    ) -> int | None:
        """Return the paused candidate that should continue; None for none.

        That is the one whose expected gain in hypervolume over the whole evaluations is highest.

        Args:
            study: the study.
            paused: the first trial of each of these candidates.
            whole: the same of those that are, or are being, evaluated at the last fidelity.
            is_last: nothing new is proposed any more: continue only what is expected on the front.
        """
        signs = objective_signs(study)
        for each in self._observed.update(study, -1, signs):
            self._pool.mark_seen(each)
        if len(self._observed.finished()) < _FEWEST:
            return paused[0]
        with _libraries().limit(limits=1, user_api="blas"):
            return self._best_of(paused, whole, is_last, signs)

    def _best_of(
        self, paused: Sequence[int], whole: Collection[int], is_last: bool, signs: Floats
    ) -> int | None:
        beliefs = self._believe(signs)
        values, feasible = beliefs.values, beliefs.feasible(self._limits)
        at = {trial.key: index for index, trial in enumerate(beliefs.trials)}
        place = {number: at.get(self._observed.key_of(number) or b"") for number in paused}
        if is_last:
            good = np.flatnonzero(feasible)
            front = {int(i) for i in good[front_ranks(values[good]) == 0]}
            place = {number: index for number, index in place.items() if index in front}
        known = {number: index for number, index in place.items() if index is not None}
        if not known:
            return None
        trials = [beliefs.trials[index] for index in known.values()]
        mean, deviation = beliefs.predict(
            [each.params for each in trials], np.array([each.encoded for each in trials])
        )
        ends = [at.get(self._observed.key_of(number) or b"") for number in whole]
        if done := [index for index in ends if index is not None]:
            values, feasible = values[done], feasible[done]
        rng = np.random.default_rng((self._seed, len(whole)))
        gain = self._gain(values, feasible, mean, deviation, self._worst_of(signs), rng)
        return list(known)[int(np.argmax(gain))]

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
            for at in {*worst, *(self._known if self._has_rungs else ())}:
                # no candidate lies beyond the worst of them, whatever the limit allows
                reach = max(good[:, at].max(), mean[:, at].max())
                corner[at] = min(worst.get(at, np.inf), reach)
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
