"""The knee of a front: where more accuracy starts to cost much more time."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from archsearch.analysis.front import keeping
from archsearch.analysis.reported_accuracy import deciding_accuracies
from archsearch.record import Aims, TrialRecord


def knee_index(points: ArrayLike) -> int:
    """Return the row of the knee of a two-objective front.

    Both objectives are scaled so that the ends of the front are 0 and 1; the knee is the point
    farthest on the good side of the straight line between the two ends. A front without a point
    above that line has its knee at its more accurate end.

    Source: Das, "On characterizing the 'knee' of the Pareto curve based on normal-boundary
    intersection", Structural Optimization 18 (1999), section 3.

    Args:
        points: (N, 2) non-dominated accuracy (up) and latency (down), N at least 1, any order.
    """
    values = np.asarray(points, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != 2 or len(values) == 0:
        raise ValueError(f"`points` must be (N, 2) with N >= 1, but got shape {values.shape}")
    accuracy, latency = values.T
    spans = np.ptp(values, axis=0)
    if not spans.all():
        return int(np.lexsort((latency, -accuracy))[0])
    gain = (accuracy - accuracy.min()) / spans[0]
    cost = (latency - latency.min()) / spans[1]
    # the chord joins (0, 0) and (1, 1), so the distance from it is the gain beyond the cost;
    # rounding keeps the two ends, which lie on the chord, from differing in the last bit
    above = np.round(gain - cost, 12)
    return int(np.lexsort((latency, -accuracy, -above))[0])


def knee(front: Sequence[TrialRecord], aims: Aims | float | None = None) -> TrialRecord | None:
    """Return the knee of a front of trials, None when it is empty; see `knee_index`.

    Accuracy is that of `archsearch.analysis.deciding_accuracies`; who counts is said by
    `archsearch.analysis.keeping`.
    """
    accuracy = deciding_accuracies(front)
    known = [t for t in front if t.number in accuracy and t.latency_ms is not None]
    known = list(keeping(known, aims))
    if not known:
        return None
    points = [(accuracy[trial.number], trial.latency_ms or 0.0) for trial in known]
    return known[knee_index(points)]
