"""Predictions of one objective: known beforehand, or learnt from values or from curves."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from archsearch.search.samplers.surrogate.curve_model import CurveProcess
from archsearch.search.samplers.surrogate.gaussian_process import GaussianProcess
from archsearch.search.samplers.surrogate.objective_transform import ObjectiveTransform
from archsearch.space import Encoding, Params

Floats = NDArray[np.float64]
#: value of something that needs no evaluation
Known = Callable[[Params], float | None]


def computed(known: Known | None, sign: float, params: Sequence[Params]) -> Floats | None:
    """Return known values (M,), smaller is better; None where one of them must be learnt."""
    if known is None:
        return None
    values = [known(each) for each in params]
    if None in values:
        return None
    return sign * np.array(values, dtype=float)


class ValueLearner:
    """Learns one objective, smaller is better, from one value for each configuration.

    Args:
        encoding: of the configurations.
        ideal: best possible value, where there is one; see `ObjectiveTransform`.
    """

    def __init__(self, encoding: Encoding, ideal: float | None) -> None:
        self._ideal = ideal
        self._process = GaussianProcess(encoding)

    def fit(self, x: Floats, y: Floats) -> None:
        """Learn from values (N,) of configurations (N, C)."""
        self._transform = ObjectiveTransform(y, self._ideal)
        self._process.fit(x, self._transform.forward(y))

    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """Return mean (M,) and deviation (M,) of configurations (M, C)."""
        return self._transform.backward(*self._process.predict(x))


class CurveLearner:
    """Learns the last value of one objective, smaller is better, from curves.

    Args:
        encoding: of the configurations.
        ideal: best possible value, where there is one; see `ObjectiveTransform`.
        positions: of the bins; see `CurveProcess`.
    """

    def __init__(self, encoding: Encoding, ideal: float | None, positions: Sequence[float]) -> None:
        self._ideal = ideal
        self._process = CurveProcess(encoding, positions)

    def choose(self, x: Floats, curves: Sequence[Floats]) -> None:
        """Choose settings from trainings, those that were known at some point; see `fit`."""
        transform = ObjectiveTransform(np.concatenate(curves), self._ideal)
        self._process.choose(x, [transform.forward(curve) for curve in curves])

    def fit(self, x: Floats, curves: Sequence[Floats]) -> None:
        """Learn from the values (K,) in the bins of each of N trainings (N, C)."""
        self._transform = ObjectiveTransform(np.concatenate(curves), self._ideal)
        self._process.fit(x, [self._transform.forward(curve) for curve in curves])

    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """Return mean (M,) and deviation (M,) at the last bin, of configurations (M, C)."""
        return self._transform.backward(*self._process.predict(x))
