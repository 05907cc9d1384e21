"""Prediction of an objective at the highest rung from results of all rungs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archsearch.search.samplers.surrogate.gaussian_process import GaussianProcess
from archsearch.search.samplers.surrogate.objective_transform import ObjectiveTransform
from archsearch.search.samplers.surrogate.observed_trials import ObservedTrial
from archsearch.search.samplers.surrogate.rung_model import RungProcess
from archsearch.space import Encoding, Params

Floats = NDArray[np.float64]
#: value of something that needs no evaluation
Known = Callable[[Params], float | None]


@dataclass(frozen=True)
class Pending:
    """A configuration without a result at the highest rung.

    Attributes:
        trial: its highest result, or the running trial where there is none.
        rung: of that result; -1 for none.
        running: whether it is being evaluated; else it is paused.
    """

    trial: ObservedTrial
    rung: int
    running: bool


def pending(
    levels: Sequence[Sequence[ObservedTrial]], running: Sequence[ObservedTrial]
) -> list[Pending]:
    """Return the configurations that are running or paused below the highest of ``levels``."""
    done = {each.key for each in levels[-1]}
    highest = {each.key: each for level in levels[:-1] for each in level}
    found = {}
    for each in running:
        if each.key not in done:
            below = highest.get(each.key)
            found[each.key] = Pending(below or each, below.rung if below else -1, True)
    for key, each in highest.items():
        if key not in done and key not in found:
            found[key] = Pending(each, each.rung, False)
    return list(found.values())


class Learner:
    """Learns one objective: from one rung by a `GaussianProcess`, from several by all of them.

    Args:
        encoding: of the configurations.
        ideal: best possible value, where there is one; see `ObjectiveTransform`.
    """

    def __init__(self, encoding: Encoding, ideal: float | None) -> None:
        self._ideal = ideal
        self._plain = GaussianProcess(encoding)
        self._runged = RungProcess(encoding)

    def fit(self, x: Floats, rung: NDArray[np.int64], y: Floats) -> None:
        """Learn from results (N,) of configurations (N, C) at their rungs (N,)."""
        self._transform, self._has_rungs = ObjectiveTransform(y, self._ideal), bool(rung.any())
        if self._has_rungs:
            self._runged.fit(x, rung, self._transform.forward(y))
        else:
            self._plain.fit(x, self._transform.forward(y))

    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """Return mean (M,) and deviation (M,) at the highest rung."""
        return self._transform.backward(
            *(self._runged if self._has_rungs else self._plain).predict(x)
        )


class RungPrediction:
    """One objective, smaller being better, at the highest of some rungs.

    Args:
        objective: its position.
        sign: -1 where the study maximises it.
        known: computes it without evaluating; None, or returning None, has it learnt.
        learner: learns it.
        levels: results, the lowest rung first.
        others: configurations that have no result at the highest rung.

    Attributes:
        believed: (K,) what ``others`` are expected to reach.
    """

    def __init__(
        self,
        objective: int,
        sign: float,
        known: Known | None,
        learner: Learner,
        levels: Sequence[Sequence[ObservedTrial]],
        others: Sequence[Pending],
    ) -> None:
        self._sign, self._known, self._learner = sign, known, learner
        finished = [each for level in levels for each in level]
        self._x = np.array([each.encoded for each in finished])
        self._rung = np.array([each.rung for each in finished])
        self._y = np.array([_value(each, objective) for each in finished])
        self._is_fitted = False
        self.believed = np.empty(0)
        if others:
            computed = self._computed([each.trial.params for each in others])
            self.believed = self._believe(others) if computed is None else computed

    def predict(self, params: Sequence[Params], x: Floats) -> tuple[Floats, Floats]:
        """Return mean (M,) and deviation (M,) of configurations and their encodings (M, C)."""
        computed = self._computed(params)
        if computed is not None:
            return computed, np.zeros(len(params))
        if not self._is_fitted:
            self._learner.fit(self._x, self._rung, self._y)
            self._is_fitted = True
        return self._learner.predict(x)

    def _computed(self, params: Sequence[Params]) -> Floats | None:
        if self._known is None:
            return None
        values = [self._known(each) for each in params]
        if None in values:
            return None
        return self._sign * np.array(values, dtype=float)

    def _believe(self, others: Sequence[Pending]) -> Floats:
        """Predict ``others``; running ones then count with their predicted values."""
        x = np.array([each.trial.encoded for each in others])
        self._learner.fit(self._x, self._rung, self._y)
        mean, _ = self._learner.predict(x)
        running = np.array([each.running for each in others])
        self._is_fitted = not running.any()
        self._x = np.concatenate([self._x, x[running]])
        top = np.full(int(running.sum()), self._rung.max(), dtype=np.int64)
        self._rung = np.append(self._rung, top)
        self._y = np.append(self._y, mean[running])
        return mean


def _value(trial: ObservedTrial, objective: int) -> float:
    assert trial.values is not None, "only finished trials have a rung"
    return float(trial.values[objective])
