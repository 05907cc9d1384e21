"""The one way to train networks: one executor, one store of trainings."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from archsearch.cluster.executor import Executor, PoolOptions, WorkerTime
from archsearch.cluster.executor_registry import INLINE, start_executor, take_over
from archsearch.cluster.job import (
    Event,
    FailedEvent,
    FinishedEvent,
    Job,
    StopRule,
    never_stop,
)
from archsearch.cluster.training_store import Training, Trainings
from archsearch.data import DataSplits
from archsearch.errors import RunError
from archsearch.record import EpochMetrics

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trained:
    """A job that was asked for has its training.

    Attributes:
        job: the job.
        training: what it came to.
        event: its end; None where the store had the training.
    """

    job: Job
    training: Training
    event: FinishedEvent | None = None


#: takes the outcome of one job
Ended = Callable[[Trained | FailedEvent], None]


class Driver:
    """Trains the networks of one session: itself an `Executor`, started when it is needed.

    Whatever trains to its last epoch is kept in the store before anybody hears of it. Where the
    executor is lost in mid-session, the calling process goes on with what has not ended.

    Args:
        executor: a key of `EXECUTORS`.
        data: the data splits.
        options: workers, threads, device, address.
        trainings: the store.
        stop_rule: decides after an epoch whether to stop a job that was submitted; those of
            `train` are never stopped.
        say: shows a line that should stay.
        starting: says what is started; empty for nothing.
    """

    def __init__(
        self,
        executor: str,
        data: DataSplits,
        options: PoolOptions,
        trainings: Trainings,
        stop_rule: StopRule = never_stop,
        say: Callable[[str], None] = logger.warning,
        starting: str = "",
    ) -> None:
        self.trainings = trainings
        self._name = executor
        self._data = data
        self._options = options
        self._asked_rule = stop_rule
        self._say = say
        self._starting = starting
        self._executor: Executor | None = None
        #: jobs that have not ended, by identity, in the order of submission
        self._open: dict[int, Job] = {}
        #: those among them that `train` wants trained to the end
        self._whole: set[int] = set()
        self._time_before = WorkerTime()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def train(
        self,
        jobs: Iterable[Job],
        ended: Ended,
        *,
        begin: Callable[[Sequence[Job]], None] = lambda missing: None,
        watch: Callable[[Event | None], None] = lambda event: None,
        is_late: Callable[[], bool] = lambda: False,
        is_enough: Callable[[Training], bool] = lambda training: True,
    ) -> int:
        """Train jobs that nobody has trained before; return how many are left.

        Jobs of equal networks, recipes and seeds are trained once.

        Args:
            jobs: in the order in which they are wanted; each is trained to its end.
            ended: takes the outcome of each.
            begin: called once with what is missing, before the first of it is trained.
            watch: called some ten times a second while something trains, with the event if any.
            is_late: no training begins any more.
            is_enough: whether a training of the store is all that is wanted.

        Raises:
            RunError: the executor cannot go on.
        """
        twins: dict[str, list[Job]] = {}
        for job in jobs:
            twins.setdefault(self.trainings.key(job).digest, []).append(job)
        waiting: deque[list[Job]] = deque()
        for same in twins.values():
            known = self.trainings.find(same[0])
            if known is None or not is_enough(known):
                waiting.append(same)
                continue
            for job in same:
                ended(Trained(job, known))
        if waiting and not is_late():
            begin([same[0] for same in waiting])
        training: dict[int, list[Job]] = {}
        while True:
            while waiting and not is_late() and self.waiting < max(1, self.num_workers):
                same = waiting.popleft()
                training[id(same[0])] = same
                self._whole.add(id(same[0]))
                self.submit(same[0])
            if not training:
                return sum(map(len, waiting))
            event = self.next_event(timeout_s=0.1)
            if isinstance(event, FinishedEvent):
                found = self.trainings.made(event)
                for job in training.pop(id(event.job)):
                    ended(Trained(job, found, event))
            elif isinstance(event, FailedEvent):
                for job in training.pop(id(event.job)):
                    ended(FailedEvent(job, event.curve, event.reason, event.details))
            watch(event)

    @property
    def is_started(self) -> bool:
        """Whether anything was to be trained so far."""
        return self._executor is not None

    @property
    def num_workers(self) -> int:
        """Number of jobs that train at the same time."""
        return self._executor.num_workers if self._executor else self._options.num_workers

    @property
    def time(self) -> WorkerTime:
        """Where the workers' time went so far."""
        now = self._executor.time.as_dict() if self._executor else {}
        before = self._time_before.as_dict()
        return WorkerTime(**{cause: before[cause] + now.get(cause, 0.0) for cause in before})

    @property
    def waiting(self) -> int:
        """Number of submitted jobs that no worker has begun."""
        return self._executor.waiting if self._executor else 0

    @property
    def running(self) -> int:
        """Number of jobs in training."""
        return self._executor.running if self._executor else 0

    def start(self) -> "Driver":
        """Start the executor unless it is started, and return the driver."""
        if self._executor is None:
            if self._starting:
                self._say(self._starting)
            self._executor = start_executor(
                self._name, self._data, self._options, self._stop_rule, self._say
            )
        return self

    def submit(self, job: Job) -> None:
        """Queue a job."""
        self.start()
        assert self._executor is not None, "start() starts it"
        self._open[id(job)] = job
        self._executor.submit(job)

    def next_event(self, timeout_s: float) -> Event | None:
        """Return the next event, or None when none came within ``timeout_s``.

        Raises:
            RunError: the workers are lost, and this process cannot go on in their place.
        """
        if self._executor is None:
            return None
        try:
            event = self._executor.next_event(timeout_s)
        except RunError as error:
            self._replace(error)
            return None
        if isinstance(event, FinishedEvent | FailedEvent):
            self._open.pop(id(event.job), None)
            self._whole.discard(id(event.job))
        if isinstance(event, FinishedEvent) and event.is_whole:
            self.trainings.add(event)
        return event

    def close(self) -> None:
        """Stop the workers, if there are any; unfinished jobs are dropped."""
        self._open.clear()
        if self._executor is not None:
            self._executor.close()

    def _stop_rule(self, job: Job, curve: tuple[EpochMetrics, ...]) -> str:
        return "" if id(job) in self._whole else self._asked_rule(job, curve)

    def _replace(self, error: RunError) -> None:
        """Let this process train what the lost executor has not ended."""
        if self._name == INLINE or self._options.address:
            raise error
        assert self._executor is not None, "what is lost was started"
        self._time_before = self.time
        self._executor.close()
        self._name = INLINE
        self._executor = take_over(error, self._data, self._options, self._stop_rule, self._say)
        for job in self._open.values():
            self._executor.submit(job)
