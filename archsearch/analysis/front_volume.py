"""How much of the space of objectives a set of points dominates."""

from collections.abc import Sequence
from typing import NamedTuple

import moocore
import numpy as np
from numpy.typing import ArrayLike

from archsearch.analysis.front import eligible
from archsearch.record import RunRecord


class Reference(NamedTuple):
    """The worst corner from which hypervolume is counted.

    Attributes:
        accuracy: 0 to 1.
        latency_ms: in milliseconds.
    """

    accuracy: float
    latency_ms: float

    @property
    def area(self) -> float:
        """Hypervolume of a perfect point: accuracy 1 in no time."""
        return (1.0 - self.accuracy) * self.latency_ms


def hypervolume(
    points: ArrayLike, reference: ArrayLike, maximise: bool | Sequence[bool] = False
) -> float:
    """Return the volume that ``points`` dominate, bounded by ``reference``.

    Args:
        points: (N, M); rows that are not better than the reference everywhere, or that hold a
            NaN, add nothing.
        reference: (M,) the worst corner.
        maximise: direction of every objective, or one for all.
    """
    values = np.ascontiguousarray(points, dtype=np.float64)
    if values.size == 0:
        return 0.0
    values = values[~np.isnan(values).any(axis=1)]
    if len(values) == 0:
        return 0.0
    corner = np.asarray(reference, dtype=np.float64)
    return float(moocore.hypervolume(values, ref=corner, maximise=maximise))


def reference_point(run: RunRecord) -> Reference:
    """Return the reference point that the hypervolumes of a run are counted from.

    Accuracy of guessing (one over the number of classes), and the latency budget; without a
    budget, the latency of the slowest complete trial.
    """
    known = eligible(run.trials)
    latency_ms = run.budget_ms
    if latency_ms is None:
        latency_ms = max((trial.latency_ms or 0.0 for trial in known), default=0.0)
    num_classes = run.trials[0].arch.num_classes if run.trials else 1
    return Reference(1.0 / max(num_classes, 2), latency_ms)
