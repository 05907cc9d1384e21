"""Early stopping of candidates that a finished one clearly dominates."""

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from archsearch.percent import percent_text
from archsearch.record import EpochMetrics


@dataclass(frozen=True)
class Rival:
    """A finished candidate that others are compared with.

    Attributes:
        trial: its number.
        latency_ms: its latency.
        accuracies: validation accuracy after each epoch.
        more: its further objectives, smaller is better.
    """

    trial: int
    latency_ms: float
    accuracies: tuple[float, ...]
    more: tuple[float, ...] = ()


def clearly_dominated(
    accuracy: float,
    epoch: int,
    latency_ms: float,
    rivals: Sequence[Rival],
    num_images: int,
    z: float = 2.5,
    more: Sequence[float] = (),
) -> Rival | None:
    """Return a rival that is no slower and was better at the same epoch beyond doubt, or None.

    It is no worse in further objectives either.
    Beyond doubt means by more than ``z`` standard errors of the difference of two proportions
    over ``num_images`` validation images. Only equal epochs are compared.

    Args:
        accuracy: validation accuracy of the candidate, 0 to 1.
        epoch: 1-based epoch it was reached at.
        latency_ms: latency of the candidate.
        rivals: finished candidates.
        num_images: images in the validation split.
        z: margin in standard errors.
        more: further objectives of the candidate, smaller is better; a rival is no worse in any.
    """
    best: Rival | None = None
    for rival in rivals:
        if rival.latency_ms > latency_ms or len(rival.accuracies) < epoch:
            continue
        if any(other > own for other, own in zip(rival.more, more, strict=True)):
            continue
        theirs = rival.accuracies[epoch - 1]
        variance = (accuracy * (1 - accuracy) + theirs * (1 - theirs)) / num_images
        beaten = theirs - accuracy > z * math.sqrt(variance)
        if beaten and (best is None or theirs > best.accuracies[epoch - 1]):
            best = rival
    return best


class DominanceRule:
    """The stopping rule of a run: knows every finished candidate; safe to ask from any thread.

    Args:
        num_images: images in the validation split.
        num_epochs: epochs of a full training; the last third is never cut short, since little
            is saved there.
        min_epoch: first epoch at which a candidate may be stopped.
    """

    def __init__(self, num_images: int, num_epochs: int, min_epoch: int = 2) -> None:
        self._num_images = num_images
        self._last_epoch = math.floor(num_epochs * 2 / 3)
        self._min_epoch = min_epoch
        self._rivals: tuple[Rival, ...] = ()
        self._expected: dict[int, tuple[float, tuple[float, ...]]] = {}
        self._lock = threading.Lock()

    def expect(self, trial: int, latency_ms: float, more: Sequence[float] = ()) -> None:
        """Note latency and further objectives of a candidate about to be trained."""
        self._expected[trial] = (latency_ms, tuple(more))

    def finished(
        self,
        trial: int,
        latency_ms: float,
        curve: Sequence[EpochMetrics],
        more: Sequence[float] = (),
    ) -> None:
        """Note a candidate that was trained to the end, and its further objectives."""
        accuracies = tuple(metrics.accuracy for metrics in curve)
        rival = Rival(trial, latency_ms, accuracies, tuple(more))
        with self._lock:
            self._rivals = (*self._rivals, rival)

    def reason(self, trial: int, curve: Sequence[EpochMetrics]) -> str:
        """Return why the candidate should stop now; empty to go on."""
        epoch = len(curve)
        expected = self._expected.get(trial)
        if expected is None or not self._min_epoch <= epoch <= self._last_epoch:
            return ""
        latency, more = expected
        accuracy = curve[-1].accuracy
        rival = clearly_dominated(
            accuracy, epoch, latency, self._rivals, self._num_images, more=more
        )
        if rival is None:
            return ""
        return (
            f"dominated by trial {rival.trial}: {percent_text(accuracy)} % "
            f"against {percent_text(rival.accuracies[epoch - 1])} % after epoch {epoch}, at "
            f"{latency:.2f} ms against {rival.latency_ms:.2f} ms"
        )
