"""The default sampler: model-based, one step ahead, over valid, unseen, feasible candidates.

A Gaussian process predicts each objective that must be learnt; what is known beforehand (latency
from a model of it, multiply-adds) is taken as known. Of a large pool of candidates, random ones and
relatives of the front, the one with the highest expected gain in hypervolume is proposed. Trials
that are still running count as if they had ended as predicted, so that a batch spreads out.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import moocore
import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState

from archsearch.search.acquisition import (
    expected_improvement,
    hypervolume_improvement_2d,
    probability_below,
    scalarized_improvement,
)
from archsearch.search.pool import CandidatePool, SpaceExhaustedError
from archsearch.search.surrogate import GaussianProcess
from archsearch.search.warp import Warp
from archsearch.space import Params, SearchSpace

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]
#: value of something that needs no evaluation
Known = Callable[[Params], float | None]
Accept = Callable[[Params], bool]
#: values of all objectives of a finished trial, in the study's order; None to learn nothing
Observe = Callable[[FrozenTrial], Sequence[float] | None]

#: points that the models learn from: a Cholesky factor of so many takes some milliseconds
_MAX_POINTS = 500
#: worst corner of the hypervolume whose gain is sought, where the front spans 0 to 1; farther out,
#: the ends of the front gain at the cost of its middle
_CORNER = 1.3


def observe_complete(trial: FrozenTrial) -> Sequence[float] | None:
    """Learn from complete trials alone."""
    return trial.values if trial.state == TrialState.COMPLETE else None


class ModelSampler(optuna.samplers.BaseSampler):
    """Proposes by expected gain in hypervolume; works in any study over ``space``.

    Args:
        space: what is searched.
        seed: proposals depend on it, on the trial's number and on what is told, nothing else.
        known: objectives, by position, that can be computed without evaluating; where one
            returns None, it is learnt like the others.
        ideal: best possible value of objectives, by position, where there is one (accuracy 1):
            the models then learn the logarithm of what is missing.
        accept: refuses candidates that are known to be infeasible.
        limits: upper limits on user attributes of trials (what must be evaluated to be known),
            by the attribute's name.
        observe: reads a finished trial.
        num_initial: random proposals before the models are asked; None for twice the number of
            parameters, 10 to 16.

    Attributes:
        origin: how the last proposal came about.
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
        observe: Observe = observe_complete,
        num_initial: int | None = None,
    ) -> None:
        self._space = space
        self._seed = seed
        self._known = dict(known or {})
        self._ideal = dict(ideal or {})
        self._limits = dict(limits or {})
        self._observe = observe
        width = 2 * len(space.parameters)
        self._num_initial = num_initial or min(16, max(10, width))
        self._pool = CandidatePool(space, accept)
        self._models: dict[object, GaussianProcess] = {}
        self._trials: dict[int, _Known] = {}
        self.origin = "random"
        self.exhausted = False

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return every parameter of the space, conditional ones included."""
        return {
            name: CategoricalDistribution(list(parameter.values))
            for name, parameter in self._space.parameters.items()
        }

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """Return all active parameters of one proposal."""
        signs = np.array(
            [-1.0 if d == optuna.study.StudyDirection.MAXIMIZE else 1.0 for d in study.directions]
        )
        self._learn(study, trial, signs)
        rng = np.random.default_rng((self._seed, trial.number))
        try:
            params = self._propose(rng, signs)
        except SpaceExhaustedError:
            # raising here would leave the trial RUNNING for ever
            self.exhausted = True
            params, self.origin = self._space.sample(rng), "repeat"
        return dict(params)

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

    # -- what was told

    def _learn(self, study: optuna.Study, current: FrozenTrial, signs: Floats) -> None:
        """Take in the trials that were not known yet, or were not finished."""
        for trial in study.get_trials(deepcopy=False):
            known = self._trials.get(trial.number)
            if trial.number == current.number or (known is not None and known.finished):
                continue
            if trial.state == TrialState.WAITING:
                fixed = trial.system_attrs.get("fixed_params", {})
                params = {k: v for k, v in fixed.items() if k in self._space.parameters}
            else:
                params = dict(trial.params)
            if not params or self._space.problems(params):
                continue
            finished = trial.state.is_finished()
            values = self._observe(trial) if finished else None
            attributes = {
                name: float(trial.user_attrs[name])
                for name in self._limits
                if name in trial.user_attrs
            }
            self._trials[trial.number] = _Known(
                params,
                self._space.encode(params),
                finished,
                None if values is None else signs * np.asarray(values, dtype=float),
                attributes,
            )
            self._pool.mark_seen(params)

    # -- the proposal

    def _propose(self, rng: np.random.Generator, signs: Floats) -> Params:
        told = [t for _, t in sorted(self._trials.items()) if t.values is not None]
        running = [t for _, t in sorted(self._trials.items()) if not t.finished]
        if len(told) < max(2, self._num_initial - len(running)) or len(told) < 4:
            self.origin = "random"
            return self._pool.draw(rng)
        told = _most_telling(told)
        x = np.array([t.encoded for t in told])
        values = np.array([t.values for t in told])
        feasible = np.array([t.feasible(self._limits) for t in told])
        relatives = [told[i].params for i in _front_order(values, feasible)]
        params, encoded = self._pool.candidates(rng, relatives)
        if running:
            x_running = np.array([t.encoded for t in running])
            believed = np.stack(
                [
                    self._predict(j, x, values[:, j], x_running, [t.params for t in running], s)[0]
                    for j, s in enumerate(signs)
                ],
                axis=1,
            )
            x, values = np.concatenate([x, x_running]), np.concatenate([values, believed])
            feasible = np.append(feasible, np.ones(len(running), dtype=bool))
        predicted = [
            self._predict(j, x, values[:, j], encoded, params, s) for j, s in enumerate(signs)
        ]
        mean = np.stack([each[0] for each in predicted], axis=1)
        deviation = np.stack([each[1] for each in predicted], axis=1)
        gain = self._gain(values, feasible, mean, deviation, rng)
        for name, limit in self._limits.items():
            seen = [(t.encoded, t.attributes[name]) for t in told if name in t.attributes]
            if len(seen) >= 4:
                rows, levels = np.array([r for r, _ in seen]), np.array([v for _, v in seen])
                model = self._models.setdefault(name, GaussianProcess(self._space.encoding))
                model.fit(rows, levels)
                gain = gain * probability_below(*model.predict(encoded), limit)
        self.origin = "model"
        if not gain.any():
            # nothing is expected to gain: look where least is known
            gain = deviation.sum(axis=1)
        return self._pool.first_new(params[i] for i in np.argsort(-gain, kind="stable"))

    def _predict(
        self,
        objective: int,
        x: Floats,
        y: Floats,
        wanted: Floats,
        params: Sequence[Params],
        sign: float,
    ) -> tuple[Floats, Floats]:
        """Return mean and deviation of one objective, smaller being better."""
        if objective in self._known:
            values = [self._known[objective](each) for each in params]
            if None not in values:
                return sign * np.array(values, dtype=float), np.zeros(len(params))
        model = self._models.setdefault(objective, GaussianProcess(self._space.encoding))
        ideal = self._ideal.get(objective)
        warp = Warp(y, None if ideal is None else sign * ideal)
        model.fit(x, warp.forward(y))
        mean, deviation = model.predict(wanted)
        return warp.backward(mean, deviation)

    def _gain(
        self,
        values: Floats,
        feasible: NDArray[np.bool_],
        mean: Floats,
        deviation: Floats,
        rng: np.random.Generator,
    ) -> Floats:
        good = values[feasible] if feasible.any() else values
        if values.shape[1] == 1:
            return expected_improvement(mean[:, 0], deviation[:, 0], float(good.min()))
        if values.shape[1] == 2:
            front = good[moocore.is_nondominated(good)]
            # scaled by the front: the objectives weigh the same whatever their units
            low, span = front.min(axis=0), np.maximum(np.ptp(front, axis=0), 1e-12)
            # the known objective comes second, where it needs no quadrature
            order = [1, 0] if 0 in self._known else [0, 1]
            return hypervolume_improvement_2d(
                ((front - low) / span)[:, order],
                ((mean - low) / span)[:, order],
                (deviation / span)[:, order],
                np.full(2, _CORNER),
            )
        return scalarized_improvement(good, mean, deviation, rng)


class _Known:
    """What is known of one trial."""

    def __init__(
        self,
        params: Params,
        encoded: Floats,
        finished: bool,
        values: Floats | None,
        attributes: dict[str, float],
    ) -> None:
        self.params = params
        self.encoded = encoded
        self.finished = finished
        self.values = values
        self.attributes = attributes

    def feasible(self, limits: Mapping[str, float]) -> bool:
        return all(self.attributes.get(name, limit) <= limit for name, limit in limits.items())


def _front_order(values: Floats, feasible: NDArray[np.bool_]) -> list[int]:
    """Return positions, those of the front first, feasible ones before others."""
    ranks = (
        moocore.pareto_rank(values)
        if values.shape[1] > 1
        else np.argsort(np.argsort(values[:, 0], kind="stable"), kind="stable")
    )
    return [int(i) for i in np.lexsort((ranks, ~feasible))]


def _most_telling(told: list[_Known]) -> list[_Known]:
    """Return at most `_MAX_POINTS` trials: the best half by rank, and the latest."""
    if len(told) <= _MAX_POINTS:
        return told
    values = np.array([t.values for t in told])
    order = _front_order(values, np.ones(len(told), dtype=bool))
    chosen = set(order[: _MAX_POINTS // 2])
    for index in range(len(told) - 1, -1, -1):
        if len(chosen) == _MAX_POINTS:
            break
        chosen.add(index)
    return [told[i] for i in sorted(chosen)]
