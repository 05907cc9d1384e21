"""Guess the latency of a candidate from those measured in this run.

A ridge regression of log latency on the space's encoding: rough, but enough to spend few
measurements on candidates that are far over the budget. It never decides alone: whatever is
trained was measured first.
"""

import numpy as np

from archsearch.space import Params, SearchSpace

_MIN_POINTS = 12
_RIDGE = 0.3


class LatencyGuess:
    """Learns from measured candidates; see the module.

    Args:
        space: encodes the candidates.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._features: list[np.ndarray] = []
        self._logs: list[float] = []
        self._weights: np.ndarray | None = None
        self._spread = 0.0

    def __len__(self) -> int:
        return len(self._logs)

    @property
    def fastest_ms(self) -> float:
        """The lowest latency measured."""
        return float(np.exp(min(self._logs)))

    @property
    def slowest_ms(self) -> float:
        """The highest latency measured."""
        return float(np.exp(max(self._logs)))

    def observe(self, params: Params, latency_ms: float) -> None:
        """Take in one measurement."""
        self._features.append(np.append(self._space.encode(params), 1.0))
        self._logs.append(float(np.log(latency_ms)))
        self._weights = None

    def predict(self, params: Params) -> tuple[float, float] | None:
        """Return the guess in ms and its relative standard error; None before enough is known."""
        if len(self._logs) < _MIN_POINTS:
            return None
        if self._weights is None:
            self._fit()
        assert self._weights is not None
        guess = float(np.append(self._space.encode(params), 1.0) @ self._weights)
        return float(np.exp(guess)), self._spread

    def _fit(self) -> None:
        x, y = np.array(self._features), np.array(self._logs)
        center = y.mean()
        penalty = _RIDGE * np.eye(x.shape[1])
        inverse = np.linalg.inv(x.T @ x + penalty)
        self._weights = inverse @ x.T @ (y - center)
        self._weights[-1] += center
        # leave-one-out residuals of a ridge regression, in closed form
        leverage = np.einsum("ij,jk,ik->i", x, inverse, x)
        residuals = (y - x @ self._weights) / np.maximum(1 - leverage, 0.05)
        self._spread = float(np.sqrt(np.mean(residuals**2)))
