"""Whether a search still improves: hypervolume of its results."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from archsearch.analysis import hypervolume

Floats = NDArray[np.float64]


class Patience:
    """Counts trials since the front last gained hypervolume.

    Args:
        trials: longest row of trials without a gain; None for no limit.
    """

    def __init__(self, trials: int | None) -> None:
        self.trials = trials
        self._points: list[Sequence[float]] = []
        self._corner: Floats | None = None
        self._reached = -math.inf
        self._idle = 0

    @property
    def is_over(self) -> bool:
        """Whether there was no gain for too long."""
        return self.trials is not None and self._idle >= self.trials

    @property
    def has_points(self) -> bool:
        """Whether there was a result yet."""
        return bool(self._points)

    def count(self) -> None:
        """Note a trial, whatever came of it."""
        self._idle += 1

    def tell(self, point: Sequence[float]) -> None:
        """Take in a feasible result at the last fidelity, smaller is better."""
        if self.trials is None:
            return
        self._points.append(point)
        points = np.array(self._points, dtype=np.float64)
        if self._corner is None or (points[-1] > self._corner).any():
            # the reference point follows the worst result; the hypervolume is counted afresh
            span = np.maximum(np.ptp(points, axis=0), 1e-12)
            self._corner = points.max(axis=0) + 0.1 * span
            self._reached = hypervolume(points[:-1], self._corner) if len(points) > 1 else -1.0
        reached = hypervolume(points, self._corner)
        if reached > self._reached:
            self._reached, self._idle = reached, 0
