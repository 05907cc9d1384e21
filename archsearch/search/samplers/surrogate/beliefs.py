"""What is believed of the configurations that have begun, and what the models say of others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from archsearch.search.samplers.surrogate.objective_prediction import (
    CurveLearner,
    Known,
    ValueLearner,
    computed,
)
from archsearch.search.samplers.surrogate.observed_trials import (
    ObservedTrial,
    Training,
    most_informative,
)
from archsearch.space import Encoding, Params

Floats = NDArray[np.float64]
#: mean (M,) and deviation (M,) of one objective, of configurations and their encodings (M, C)
Predict = Callable[[Sequence[Params], Floats], tuple[Floats, Floats]]

#: values that a model of curves learns from
_MAX_BINS = 600


@dataclass(frozen=True)
class Beliefs:
    """Objectives of the configurations that have begun; all are smaller is better.

    Attributes:
        trials: one for each configuration.
        values: (N, D) their objectives at the last fidelity: measured, or predicted.
        predictions: one for each objective.
    """

    trials: Sequence[ObservedTrial]
    values: Floats
    predictions: Sequence[Predict]

    def feasible(self, limits: Mapping[str, float]) -> NDArray[np.bool_]:
        """Return (N,) which configurations keep the limits."""
        return np.array([each.feasible(limits) for each in self.trials], dtype=bool)

    def predict(self, params: Sequence[Params], encoded: Floats) -> tuple[Floats, Floats]:
        """Return mean (M, D) and deviation (M, D) of configurations; known ones deviate by 0."""
        found = [predict(params, encoded) for predict in self.predictions]
        mean, deviation = zip(*found, strict=True)
        return np.stack(mean, axis=1), np.stack(deviation, axis=1)


class Believer:
    """Learns the objectives, and keeps what the models have chosen from one time to the next.

    Args:
        encoding: of the configurations.
        known: objectives, by position, that can be computed; see `ModelSampler`.
        ideal: best possible value of objectives, by position.
        positions: of the bins of a curve; empty for one fidelity.
    """

    def __init__(
        self,
        encoding: Encoding,
        known: Mapping[int, Known],
        ideal: Mapping[int, float],
        positions: Sequence[float] = (),
    ) -> None:
        self._encoding, self._known, self._ideal = encoding, known, ideal
        self._positions = positions
        self._values: dict[int, ValueLearner] = {}
        self._curves: dict[int, CurveLearner] = {}
        # number of results that each learner has chosen its settings from
        self._chosen_from: dict[int, int] = {}

    def from_values(
        self, finished: Sequence[ObservedTrial], running: Sequence[ObservedTrial], signs: Floats
    ) -> Beliefs:
        """Return measured values as they are, and running trials with their predicted values.

        Args:
            finished: trials with values.
            running: trials without.
            signs: (D,) -1 for objectives that are maximised.
        """
        kept = most_informative(finished)
        done = {each.key for each in kept}
        others = [each for each in running if each.key not in done]
        x = np.array([each.encoded for each in kept])
        more = np.array([each.encoded for each in others]).reshape(len(others), x.shape[1])
        measured = np.array([each.values for each in kept])
        believed, predictions = [], []
        for at, sign in enumerate(signs):
            learner = self._value_learner(at, float(sign))
            y = measured[:, at]
            guess = computed(self._known.get(at), sign, [each.params for each in others])
            if guess is None and others:
                learner.fit(x, y)
                guess, _ = learner.predict(more)
            guess = np.empty(0) if guess is None else guess
            believed.append(guess)
            fit = cache(partial(learner.fit, np.concatenate([x, more]), np.append(y, guess)))
            predictions.append(self._prediction(at, float(sign), fit, learner.predict))
        values = np.concatenate([measured, np.stack(believed, axis=1)])
        return Beliefs([*kept, *others], values, predictions)

    def from_curves(
        self,
        trainings: Sequence[Training],
        signs: Floats,
        early: tuple[int, Callable[[], Sequence[Training]]] | None = None,
    ) -> Beliefs:
        """Return every configuration, finished or not, with what it is expected to reach.

        Args:
            trainings: some of them with results.
            signs: (D,) -1 for objectives that are maximised.
            early: number of the first results, and the trainings as they were then: from these the
                models choose their settings. None for all.
        """
        trials = [each.trial for each in trainings]
        x = np.array([each.encoded for each in trials])
        shown = _informative(trainings)
        believed, predictions = [], []
        for at, sign in enumerate(signs):
            learner = self._curve_learner(at, float(sign))
            rows = np.array([each.trial.encoded for each in shown])
            curves = [each.bins[:, at] for each in shown]
            fit = cache(partial(self._learn, at, rows, curves, early))
            predict = self._prediction(at, float(sign), fit, learner.predict)
            believed.append(predict([each.params for each in trials], x)[0])
            predictions.append(predict)
        return Beliefs(trials, np.stack(believed, axis=1), predictions)

    def _prediction(
        self,
        at: int,
        sign: float,
        fit: Callable[[], None],
        predict: Callable[[Floats], tuple[Floats, Floats]],
    ) -> Predict:
        def predicted(params: Sequence[Params], encoded: Floats) -> tuple[Floats, Floats]:
            values = computed(self._known.get(at), sign, params)
            if values is not None:
                return values, np.zeros(len(params))
            fit()
            return predict(encoded)

        return predicted

    def _learn(
        self,
        at: int,
        x: Floats,
        curves: Sequence[Floats],
        early: tuple[int, Callable[[], Sequence[Training]]] | None,
    ) -> None:
        learner = self._curves[at]
        if early is not None and early[0] != self._chosen_from.get(at):
            self._chosen_from[at], trainings = early[0], early[1]()
            known = _informative(trainings)
            rows = np.array([each.trial.encoded for each in known])
            learner.choose(rows, [each.bins[:, at] for each in known])
        learner.fit(x, curves)

    def _value_learner(self, at: int, sign: float) -> ValueLearner:
        if at not in self._values:
            self._values[at] = ValueLearner(self._encoding, self._best(at, sign))
        return self._values[at]

    def _curve_learner(self, at: int, sign: float) -> CurveLearner:
        if at not in self._curves:
            self._curves[at] = CurveLearner(self._encoding, self._best(at, sign), self._positions)
        return self._curves[at]

    def _best(self, at: int, sign: float) -> float | None:
        ideal = self._ideal.get(at)
        return None if ideal is None else sign * ideal


def _informative(trainings: Sequence[Training]) -> list[Training]:
    """Return trainings with results, so many that their bins stay within what a model learns."""
    shown = [each for each in trainings if len(each.bins)]
    bins = max(1.0, float(np.mean([len(each.bins) for each in shown])))
    kept = most_informative([each.trial for each in shown], int(_MAX_BINS / bins))
    keys = {each.key for each in kept}
    return [each for each in shown if each.trial.key in keys]
