"""Progress of a run after each of its trained trials."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archsearch.analysis.front import eligible, keeping, nondominated, objectives
from archsearch.analysis.front_volume import Reference, hypervolume
from archsearch.record import TrialRecord


class Progress(NamedTuple):
    """One entry for every trial that was trained, in the order in which they ended; all (N,).

    Attributes:
        numbers: trial numbers.
        seconds: since the start of the run; NaN where unknown.
        trials: how many trained trials had ended.
        epochs: how many epochs they took together.
        best_accuracy: of the complete trials within the budget; NaN before the first. Who is over
            it by an uncertain latency counts only where none keeps it (`keeping`).
        hypervolume: of the same trials, as a share of the reference's whole area.
    """

    numbers: NDArray[np.int64]
    seconds: NDArray[np.float64]
    trials: NDArray[np.int64]
    epochs: NDArray[np.int64]
    best_accuracy: NDArray[np.float64]
    hypervolume: NDArray[np.float64]


def progress(
    trials: Iterable[TrialRecord], reference: Reference, budget_ms: float | None = None
) -> Progress:
    """Return best accuracy and hypervolume after each trial that was trained.

    Complete, pruned and failed trials that trained at least one epoch count as trained; only
    complete ones can raise the curves.
    """
    trained = [
        trial
        for trial in trials
        if trial.state == "complete" or (trial.curve and trial.state in ("pruned", "failed"))
    ]
    trained.sort(key=lambda trial: (trial.finished_s is None, trial.finished_s, trial.number))
    qualified = {trial.number for trial in keeping(eligible(trained, budget_ms), budget_ms)}
    best, volume = np.nan, 0.0
    front = np.empty((0, 2))
    bests, volumes = [], []
    for trial, point in zip(trained, objectives(trained), strict=True):
        if trial.number in qualified:
            best = np.fmax(best, point[0])
            beaten = (front[:, 0] >= point[0]) & (front[:, 1] <= point[1])
            if not beaten.any():
                front = np.vstack((front, point))
                front = front[nondominated(front, (True, False))]
                volume = hypervolume(front, reference, (True, False))
        bests.append(best)
        volumes.append(volume)
    seconds = [np.nan if trial.finished_s is None else trial.finished_s for trial in trained]
    return Progress(
        numbers=np.array([trial.number for trial in trained], dtype=np.int64),
        seconds=np.array(seconds, dtype=np.float64),
        trials=np.arange(1, len(trained) + 1, dtype=np.int64),
        epochs=np.cumsum([len(trial.curve) for trial in trained], dtype=np.int64),
        best_accuracy=np.array(bests, dtype=np.float64),
        hypervolume=np.array(volumes, dtype=np.float64) / (reference.area or 1.0),
    )
