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
    """A finished job.

    Attributes:
        job: the job.
        training: its result.
        event: the end of the training; None if the store had it.
    """

    job: Job
    training: Training
    event: FinishedEvent | None = None


#: takes the outcome of one job
Ended = Callable[[Trained | FailedEvent], None]


class Driver:
    """Trains the networks of one session: itself an `Executor`, started when it is needed.

    A training that reaches its last epoch is stored before it is reported. If the
    executor is lost during the session, the calling process trains the remaining jobs.

    Args:
        executor: a key of `EXECUTORS`.
        data: the data splits.
        options: workers, threads, device, address.
        trainings: the store.
        stop_rule: decides after an epoch whether to stop a job that was submitted; those of
            `train` are never stopped.
        say: prints a line.
        starting: line to print when it starts; empty for none.
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
        #: those of them that `train` trains to the end
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
        """Train the jobs that the store does not have; return how many remain.

        Jobs of equal networks, recipes and seeds are trained once.

        Args:
            jobs: in the order in which they are wanted; each is trained to its end.
            ended: takes the outcome of each.
            begin: called once with the missing jobs, before the first is trained.
            watch: called some ten times a second while something trains, with the event if any.
            is_late: whether to start no further training.
            is_enough: whether a stored training has all that is needed.

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
            if why := self.trainings.unused(same[0] for same in waiting):
                self._say(why)
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
        """Let this process train the remaining jobs of the lost executor."""
        if self._name == INLINE or self._options.address:
            raise error
        assert self._executor is not None, "a lost executor was started"
        self._time_before = self.time
        self._executor.close()
        self._name = INLINE
        self._executor = take_over(error, self._data, self._options, self._stop_rule, self._say)
        for job in self._open.values():
            self._executor.submit(job)
