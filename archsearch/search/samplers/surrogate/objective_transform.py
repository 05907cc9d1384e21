"""The scale on which an objective is learnt."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class ObjectiveTransform:
    """Logarithm of the distance from the best possible value, or of positive, spread values.

    Args:
        values: (N,) observed values, smaller is better.
        ideal: best possible value, where there is one.
    """

    def __init__(self, values: Floats, ideal: float | None) -> None:
        low, high = float(values.min()), float(values.max())
        self._log = ideal is not None or (low > 0 and high > 2 * low)
        # a distance of 0 has no logarithm
        self._origin = 0.0 if ideal is None else ideal - 0.01 * max(high - ideal, 1e-12)

    def forward(self, values: Floats) -> Floats:
        """Return ``values`` on the scale that is learnt."""
        return np.log(values - self._origin) if self._log else values

    def backward(self, mean: Floats, deviation: Floats) -> tuple[Floats, Floats]:
        """Return mean and deviation in the values' own unit."""
        if not self._log:
            return mean, deviation
        middle = np.exp(mean)
        return middle + self._origin, middle * deviation
