"""A known network against a front."""

from collections.abc import Sequence
from typing import NamedTuple

from archsearch.analysis.significance import difference_interval
from archsearch.record import BaselineRecord, TrialRecord


class Versus(NamedTuple):
    """The best of a front that is no slower than a known network, against it.

    Attributes:
        trial: the most accurate trial of the front that is no slower.
        gain: its accuracy minus the network's, as a share.
        interval: 95 % interval of that; None when the number of images is not known.
        ratio: its latency over the network's.
    """

    trial: TrialRecord
    gain: float
    interval: tuple[float, float] | None
    ratio: float


def versus(
    front: Sequence[TrialRecord], baseline: BaselineRecord, num_images: int | None
) -> Versus | None:
    """Compare; None when the network was not trained, or is faster than all of the front.

    Args:
        front: trials with accuracy and latency.
        baseline: the known network.
        num_images: validation images behind each accuracy.
    """
    if baseline.accuracy is None or baseline.latency is None:
        return None
    limit = baseline.latency.median_ms
    no_slower = [trial for trial in front if (trial.latency_ms or 0.0) <= limit]
    if not no_slower:
        return None
    top = max(no_slower, key=lambda trial: (trial.accuracy or 0.0, -(trial.latency_ms or 0.0)))
    accuracy = top.accuracy or 0.0
    interval = None
    if num_images:
        interval = difference_interval(accuracy, baseline.accuracy, num_images)
    ratio = (top.latency_ms or 0.0) / limit
    return Versus(top, accuracy - baseline.accuracy, interval, ratio)
