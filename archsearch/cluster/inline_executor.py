"""An executor in the calling process: for tests, debugging, and platforms without Ray."""

import time
import traceback
from collections import deque

from archsearch.activity import doing
from archsearch.cluster.executor import PoolOptions, WorkerTime
from archsearch.cluster.job import (
    EpochEvent,
    Event,
    FailedEvent,
    FinishedEvent,
    Job,
    StopRule,
    never_stop,
)
from archsearch.cluster.worker import Worker
from archsearch.cost.device import is_device_lost
from archsearch.data import DataSplits
from archsearch.errors import RunError, TrialError
from archsearch.record import EpochMetrics


class InlineExecutor:
    """Trains one job at a time inside `next_event`; see `Executor`."""

    num_workers = 1

    def __init__(
        self, data: DataSplits, options: PoolOptions, stop_rule: StopRule = never_stop
    ) -> None:
        # it never trains while the caller measures, so it needs no quiet lock
        self._worker = Worker(data, options.threads, options.device, "")
        self._stop_rule = stop_rule
        self._queue: deque[Job] = deque()
        self._job: Job | None = None
        self._curve: tuple[EpochMetrics, ...] = ()
        self._is_started = False
        self._lost = ""
        self._events: deque[Event] = deque()
        self._last = time.perf_counter()
        self._time = WorkerTime()

    @property
    def time(self) -> WorkerTime:
        """Where the worker's time went so far."""
        return self._time

    @property
    def waiting(self) -> int:
        """Number of submitted jobs not begun."""
        return len(self._queue)

    @property
    def running(self) -> int:
        """1 while a job is in training."""
        return int(self._job is not None)

    def submit(self, job: Job) -> None:
        """Queue a job."""
        self._queue.append(job)

    def next_event(self, timeout_s: float) -> Event | None:
        """Train one epoch of the current job and return what happened."""
        if not self._events:
            self._advance()
        return self._events.popleft() if self._events else None

    def close(self) -> None:
        """Drop unfinished jobs."""
        self._queue.clear()
        self._job = None

    def _advance(self) -> None:
        now = time.perf_counter()
        self._time.idle += now - self._last
        try:
            self._train()
        finally:
            self._last = time.perf_counter()

    def _train(self) -> None:
        if self._job is None:
            if not self._queue:
                return
            if self._lost:
                raise RunError(
                    f"the CUDA device answers this process no more ({self._lost}); "
                    "the same command goes on without that candidate"
                )
            self._job = self._queue.popleft()
            self._curve, self._is_started = self._job.begun, False
        job = self._job
        try:
            epoch = f"epoch {len(self._curve) + 1} of {job.recipe.epochs}"
            with doing(f"training {job}, {epoch}"):
                if not self._is_started:
                    self._time.setup += self._worker.start(job)
                    self._is_started = True
                report = self._worker.run_epoch()
        except TrialError as error:
            self._fail(job, str(error))
            return
        except Exception as error:  # a candidate must not take the run down with it
            self._fail(job, f"{type(error).__name__}: {error}", traceback.format_exc())
            if is_device_lost(error):
                self._lost = str(error).splitlines()[0]
            return
        self._time.training += report.busy_s
        self._curve = (*self._curve, report.metrics)
        self._events.append(EpochEvent(job, report.metrics))
        reason = "" if report.done else self._stop_rule(job, self._curve)
        if report.done or reason:
            saved = self._worker.saved()
            self._events.append(
                FinishedEvent(job, self._curve, reason, lambda: saved, report.precision)
            )
            self._job = None

    def _fail(self, job: Job, reason: str, details: str = "") -> None:
        self._events.append(FailedEvent(job, self._curve, reason, details))
        self._job = None
