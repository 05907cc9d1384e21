"""A known network against a front."""

from collections.abc import Sequence
from typing import NamedTuple

from archsearch.analysis.reported_accuracy import (
    Reported,
    deciding_accuracies,
    interval_of_difference,
    reported_accuracies,
)
from archsearch.record import BaselineRecord, TrialRecord


class Versus(NamedTuple):
    """The best of a front that is no slower than a known network, against it.

    Attributes:
        trial: the most accurate trial of the front that is no slower.
        gain: its reported accuracy minus the network's, as a share.
        interval: 95 % interval of that; None when the number of images is not known.
        ratio: its latency over the network's.
    """

    trial: TrialRecord
    gain: float
    interval: tuple[float, float] | None
    ratio: float


def versus(
    front: Sequence[TrialRecord],
    baseline: BaselineRecord,
    other: Reported | None,
    num_images: int | None,
) -> Versus | None:
    """Compare; None when the network was not trained, or is faster than all of the front.

    Args:
        front: trials with accuracy and latency.
        baseline: the known network.
        other: its accuracy, as it is reported; None where it was not trained.
        num_images: validation images behind each accuracy.
    """
    if other is None or baseline.latency is None:
        return None
    limit = baseline.latency.median_ms
    no_slower = [trial for trial in front if (trial.latency_ms or 0.0) <= limit]
    if not no_slower:
        return None
    # ranked with the whole front, so that all of one kind stays all of one kind
    accuracy = deciding_accuracies(front)
    ranked = [trial for trial in no_slower if trial.number in accuracy]
    if not ranked:
        return None
    top = max(ranked, key=lambda trial: (accuracy[trial.number], -(trial.latency_ms or 0.0)))
    reported = reported_accuracies(front, num_images)[top.number]
    interval = interval_of_difference(reported, other) if num_images else None
    ratio = (top.latency_ms or 0.0) / limit
    return Versus(top, reported.value - other.value, interval, ratio)
