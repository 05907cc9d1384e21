"""What a worker is asked to do, and what comes back."""

from collections.abc import Callable
from dataclasses import dataclass

from archsearch.arch import Arch
from archsearch.record import EpochMetrics
from archsearch.train import Recipe


@dataclass(frozen=True)
class Job:
    """One candidate to train.

    Attributes:
        trial: number of the trial, to match events with proposals.
        arch: the candidate.
        recipe: how to train it.
        seed: of initialisation and data order.
    """

    trial: int
    arch: Arch
    recipe: Recipe
    seed: int


@dataclass(frozen=True)
class EpochReport:
    """What one call of `Worker.run_epoch` did.

    Attributes:
        metrics: of the epoch that ended.
        busy_s: seconds spent on the job.
        paused_s: seconds spent waiting for latency measurements to end.
        done: no epoch is left.
    """

    metrics: EpochMetrics
    busy_s: float
    paused_s: float
    done: bool


@dataclass(frozen=True)
class EpochEvent:
    """An epoch of ``job`` ended."""

    job: Job
    metrics: EpochMetrics


@dataclass(frozen=True)
class FinishedEvent:
    """Training of ``job`` ended.

    Attributes:
        job: the job.
        curve: every epoch trained.
        stopped: why it was stopped early; empty when it ran to the end.
        weights: fetches the weights as safetensors bytes; the pool forgets them when the event
            is dropped.
    """

    job: Job
    curve: tuple[EpochMetrics, ...]
    stopped: str
    weights: Callable[[], bytes]


@dataclass(frozen=True)
class FailedEvent:
    """``job`` failed for good.

    Attributes:
        job: the job.
        curve: the epochs trained before it failed.
        reason: one line for the user.
        details: traceback; empty when the reason says it all.
    """

    job: Job
    curve: tuple[EpochMetrics, ...]
    reason: str
    details: str = ""


Event = EpochEvent | FinishedEvent | FailedEvent

#: decides after an epoch whether to stop: a reason, or an empty string to go on
StopRule = Callable[[Job, tuple[EpochMetrics, ...]], str]


def never_stop(job: Job, curve: tuple[EpochMetrics, ...]) -> str:
    """Train every job to its last epoch."""
    return ""
