"""The one interface through which networks are trained."""

from dataclasses import dataclass, field
from typing import Protocol

from archsearch.cluster.job import Event, Job


@dataclass
class WorkerTime:
    """Where the workers' time went, in worker-seconds since the pool was ready.

    Attributes:
        training: epochs, evaluation included.
        paused: waiting for latency measurements to end.
        setup: building candidates, moving data and weights.
        idle: nothing to do.
        lost: work thrown away because a worker died.
    """

    training: float = 0.0
    paused: float = 0.0
    setup: float = 0.0
    idle: float = 0.0
    lost: float = 0.0

    def as_dict(self) -> dict[str, float]:
        """Return the causes by name."""
        return dict(vars(self))


class Executor(Protocol):
    """Trains jobs in the order of submission and reports events.

    An event carries the same job object that was submitted. A job ends with one
    `FinishedEvent` or `FailedEvent`, its last event.
    """

    @property
    def num_workers(self) -> int:
        """Number of jobs that train at the same time."""
        ...

    @property
    def time(self) -> WorkerTime:
        """Where the workers' time went so far."""
        ...

    @property
    def waiting(self) -> int:
        """Number of submitted jobs that no worker has begun."""
        ...

    @property
    def running(self) -> int:
        """Number of jobs in training."""
        ...

    def submit(self, job: Job) -> None:
        """Queue a job."""
        ...

    def next_event(self, timeout_s: float) -> Event | None:
        """Return the next event, or None when none came within ``timeout_s``.

        Raises:
            RunError: the workers are lost, and with them every job that has not ended.
        """
        ...

    def close(self) -> None:
        """Stop the workers; unfinished jobs are dropped."""
        ...


@dataclass(frozen=True)
class PoolOptions:
    """How a pool of workers is set up.

    Attributes:
        num_workers: workers.
        threads: intra-op threads of each.
        device: ``cpu``, ``cuda`` or ``cuda:N``; on a cluster that was joined, Ray chooses which.
        silence_s: a worker that reports no epoch for so long is replaced; None for a time that
            follows from the longest epoch so far.
        gpus: share of a GPU that each worker takes; None divides one among all of them.
        quiet_folder: where the `QuietLock` lives.
        address: Ray cluster to join; empty starts one on this machine.
    """

    num_workers: int
    threads: int = 1
    device: str = "cpu"
    silence_s: float | None = None
    gpus: float | None = None
    quiet_folder: str = ""
    address: str = field(default="")
