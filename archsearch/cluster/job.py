"""Jobs of workers, and the events they return."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import nn

from archsearch.arch import Arch
from archsearch.model import build_model
from archsearch.model.transfer import Donor
from archsearch.record import EpochMetrics
from archsearch.train import Recipe
from archsearch.train.compatibility import TakesImages
from archsearch.train.recipe import Precision


class BuildsItself(TakesImages, Protocol):
    """A network that is not an `Arch`, such as one of timm's; workers get it by pickle."""

    @property
    def digest(self) -> str:
        """Identity: equal for networks that train alike."""

    def build(self, drop_path: float = 0.0, seed: int | None = 0) -> nn.Module:
        """Return the network with new weights."""


def build_network(
    network: "Arch | BuildsItself", *, drop_path: float = 0.0, seed: int | None = 0
) -> nn.Module:
    """Return the network of a job, with new weights."""
    if isinstance(network, Arch):
        return build_model(network, drop_path=drop_path, seed=seed)
    return network.build(drop_path, seed)


@dataclass(frozen=True)
class Paused:
    """Where an earlier job of the same candidate, recipe and seed was paused.

    Attributes:
        curve: the epochs it trained.
        state: what its `FinishedEvent` saved.
    """

    curve: tuple[EpochMetrics, ...]
    state: bytes


@dataclass(frozen=True)
class Job:
    """One network to train.

    Attributes:
        trial: number of the trial that it is, or a number of the caller's.
        arch: what is trained: an architecture, or a network that builds itself.
        recipe: how to train it.
        seed: of initialisation and data order.
        until: epoch after which it is paused; None trains it to the last.
        paused: where it goes on; None begins.
        start: network whose weights it begins with, as far as they fit; None for new ones alone.
        label: what messages call it; empty for ``trial N``.
    """

    trial: int
    arch: Arch | BuildsItself
    recipe: Recipe
    seed: int
    until: int | None = None
    paused: Paused | None = None
    start: Donor | None = None
    label: str = ""

    def __str__(self) -> str:
        return self.label or f"trial {self.trial}"

    @property
    def begun(self) -> tuple[EpochMetrics, ...]:
        """The epochs that were trained before."""
        return self.paused.curve if self.paused is not None else ()

    def is_paused_after(self, epochs: int) -> bool:
        """Tell whether it pauses after ``epochs`` epochs, before its last one."""
        return self.until is not None and self.until <= epochs < self.recipe.epochs


@dataclass(frozen=True)
class EpochReport:
    """The result of one call of `Worker.run_epoch`.

    Attributes:
        metrics: of the epoch that ended.
        busy_s: seconds spent on the job.
        paused_s: seconds spent waiting for latency measurements to end.
        done: no epoch is left, or none before it is paused.
        precision: arithmetic of the training steps.
    """

    metrics: EpochMetrics
    busy_s: float
    paused_s: float
    done: bool
    precision: Precision


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
        curve: every epoch trained, those before a pause included.
        stopped: why it was stopped early; empty when it ran to the end, or is paused.
        saved: fetches the weights as safetensors bytes, or, where the job is paused, all that it
            needs to go on; the pool forgets them when the event is dropped.
        precision: arithmetic of the training steps; None where only the recipe says it.
    """

    job: Job
    curve: tuple[EpochMetrics, ...]
    stopped: str
    saved: Callable[[], bytes]
    precision: Precision | None = None

    @property
    def is_paused(self) -> bool:
        """Whether the job rests before its last epoch, and may go on."""
        return not self.stopped and self.job.is_paused_after(len(self.curve))

    @property
    def is_whole(self) -> bool:
        """Whether it was trained to its last epoch."""
        return not self.stopped and not self.is_paused


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
