"""Predict latency and size of candidates by regression on those of this run.

A ridge regression of the logarithm on the space's encoding: rough, but enough to spend few
proposals and measurements on candidates that are far over a budget. It never decides alone:
whatever is trained was counted and measured first.
"""

from collections.abc import Mapping

import numpy as np

from archsearch.record import FIRST_TARGET, LatencyResult
from archsearch.space import Params, SearchSpace

_MIN_POINTS = 12
_RIDGE = 0.3


class LogRidge:
    """Learns a positive number from encoded candidates; see the module.

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
    def lowest(self) -> float:
        """The lowest value seen."""
        return float(np.exp(min(self._logs)))

    @property
    def highest(self) -> float:
        """The highest value seen."""
        return float(np.exp(max(self._logs)))

    def observe(self, params: Params, value: float) -> None:
        """Add one value."""
        self._features.append(np.append(self._space.encode(params), 1.0))
        self._logs.append(float(np.log(value)))
        self._weights = None

    def predict(self, params: Params) -> tuple[float, float] | None:
        """Return the guess and its relative standard error; None before enough is known."""
        if len(self._logs) < _MIN_POINTS:
            return None
        if self._weights is None:
            self._fit()
        assert self._weights is not None
        guess = float(np.append(self._space.encode(params), 1.0) @ self._weights)
        return float(np.exp(guess)), self._spread

    def _fit(self) -> None:
        x, y = np.array(self._features), np.array(self._logs)
        # sums depend on the order, which another session may not repeat
        order = np.lexsort((y, *x.T))
        x, y = x[order], y[order]
        center = y.mean()
        penalty = _RIDGE * np.eye(x.shape[1])
        inverse = np.linalg.inv(x.T @ x + penalty)
        self._weights = inverse @ x.T @ (y - center)
        self._weights[-1] += center
        # leave-one-out residuals of a ridge regression, in closed form
        leverage = np.einsum("ij,jk,ik->i", x, inverse, x)
        residuals = (y - x @ self._weights) / np.maximum(1 - leverage, 0.05)
        self._spread = float(np.sqrt(np.mean(residuals**2)))


class LatencyRegression:
    """Learns from candidates of a run; see the module.

    Args:
        space: encodes the candidates.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._latency = LogRidge(space)
        self._sizes: dict[str, LogRidge] = {}

    def __len__(self) -> int:
        return len(self._latency)

    @property
    def fastest_ms(self) -> float:
        """The lowest latency measured."""
        return self._latency.lowest

    @property
    def slowest_ms(self) -> float:
        """The highest latency measured."""
        return self._latency.highest

    def observe(self, params: Params, latency_ms: float) -> None:
        """Add one measurement."""
        self._latency.observe(params, latency_ms)

    def learn(self, params: Params, latency: LatencyResult, name: str = FIRST_TARGET) -> None:
        """Add a first measurement; ignore one whose spread is unknown."""
        if latency.is_guess and latency.interval_ms is None:
            return
        if name == FIRST_TARGET:
            self.observe(params, latency.median_ms)
        else:
            self.observe_sizes(params, {name: latency.median_ms})

    def predict(self, params: Params, name: str = FIRST_TARGET) -> tuple[float, float] | None:
        """Return a guess and its relative standard error; None before enough is known.

        Args:
            params: of a candidate.
            name: of a latency, in ms, or of a size.
        """
        guess = self._latency if name == FIRST_TARGET else self._sizes.get(name)
        return guess.predict(params) if guess is not None else None

    def observe_sizes(self, params: Params, sizes: Mapping[str, float]) -> None:
        """Add sizes of a candidate, and its latencies at further targets, by name."""
        for name, size in sizes.items():
            self._sizes.setdefault(name, LogRidge(self._space)).observe(params, size)

    def excess(self, params: Params, limits: Mapping[str, float]) -> float:
        """Return the largest share of a limit that a candidate is guessed to take, 0 at least."""
        shares = [0.0]
        for name, limit in limits.items():
            guessed = self.predict(params, name)
            if guessed is not None:
                shares.append(guessed[0] / limit)
        return max(shares)

    def fits(self, params: Params, limits: Mapping[str, float]) -> bool:
        """Tell whether a candidate may keep all limits: latencies and sizes by name.

        What is guessed to be over one by more than the guess's own error does not.
        """
        for name, limit in limits.items():
            guessed = self.predict(params, name)
            if guessed is not None and guessed[0] > limit * (1 + guessed[1]):
                return False
        return True
