"""An executor over Ray actors: persistent, step-wise, replaced when they die or hang.

A thread of the driver keeps the actors busy, so that a slow driver (asking, counting, writing
the study) never leaves a worker waiting for its next epoch.
"""

import contextlib
import logging
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psutil
import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayError, RayTaskError

from archsearch.activity import BOARD, Activity
from archsearch.cluster.executor import PoolOptions, WorkerTime
from archsearch.cluster.job import (
    EpochEvent,
    EpochReport,
    Event,
    FailedEvent,
    FinishedEvent,
    Job,
    StopRule,
    never_stop,
)
from archsearch.cluster.quiet_lock import QuietLock
from archsearch.cluster.ray_start import has_ended, own_raylet, start_ray, stop_ray, worker_device
from archsearch.cluster.worker import Worker
from archsearch.cost.device import is_cuda, is_device_lost
from archsearch.data import ArraySplit, DataSplits, Split
from archsearch.errors import RunError, TrialError
from archsearch.record import EpochMetrics

logger = logging.getLogger(__name__)

#: attempts of a job whose worker died
_MAX_ATTEMPTS = 2
#: attempts to start a worker that does not come up
_MAX_STARTS = 3
#: longest start of the first worker, and how much more for each further one: they load their
#: libraries at the same time, from one disk, on the same cores
_START_LIMIT_S, _START_EACH_S = 240.0, 60.0
#: once one worker is up, seconds that the others get before training begins without them
_OTHERS_S = 15.0
_LOOK_EVERY_S = 1.0
#: a worker that reports no epoch for so many times the longest one so far is shown, and replaced;
#: a measurement may hold the training for five minutes
_SHOWN_EPOCHS, _SHOWN_LEAST_S = 4.0, 60.0
_SILENT_EPOCHS, _SILENT_LEAST_S = 20.0, 600.0
#: before the first epoch has ended
_FIRST_SILENT_S = 1800.0


@dataclass
class _Slot:
    """One actor and what it is doing."""

    actor: Any
    ref: Any
    phase: str = "loading"  # loading, free, starting, epoch
    since: float = 0.0
    job: Job | None = None
    attempt: int = 1
    curve: tuple[EpochMetrics, ...] = field(default=())
    spent_s: float = 0.0
    starts: int = 1


class RayExecutor:
    """Trains jobs on Ray actors; see `Executor`.

    Args:
        data: put into the object store once.
        options: workers, threads, device, address.
        stop_rule: asked after every epoch, from the pool's thread.

    Raises:
        RunError: Ray could not be started.
    """

    def __init__(
        self, data: DataSplits, options: PoolOptions, stop_rule: StopRule = never_stop
    ) -> None:
        self.num_workers = options.num_workers
        self._options = options
        self._stop_rule = stop_rule
        self._queue: deque[tuple[Job, int]] = deque()
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._time = WorkerTime()
        self._ready_at: float | None = None
        self._closed = threading.Event()
        self._start_limit_s = _START_LIMIT_S + _START_EACH_S * options.num_workers
        self._quiet = QuietLock(options.quiet_folder) if options.quiet_folder else None
        self._broken: BaseException | None = None
        self._longest_epoch_s = 0.0
        self._started = start_ray(options, _array_bytes(data))
        self._device = worker_device(
            options.device, is_own_ray=self._started and not options.address
        )
        self._raylet = own_raylet() if self._started and not options.address else None
        self._activity: Activity | None = None
        self._shown = contextlib.ExitStack()
        self._looked = 0.0
        self._data = ray.put(data)
        self._slots = [self._new_slot() for _ in range(options.num_workers)]
        self._thread = threading.Thread(target=self._loop, name="archsearch-pool", daemon=True)
        self._thread.start()

    def wait_ready(self, limit_s: float | None = None) -> None:
        """Return when all workers are up, or when one is and the others are slow.

        Args:
            limit_s: longest wait for the first; None takes one that goes by their number.

        Raises:
            RunError: none was up within ``limit_s``, or none can be started.
        """
        limit_s = self._start_limit_s if limit_s is None else limit_s
        first_up: float | None = None
        what = f"starting {self.num_workers} Ray {'worker' if self.num_workers == 1 else 'workers'}"
        with BOARD.show(Activity(what, limit_s, total=self.num_workers)) as activity:
            while True:
                self._raise_if_broken()
                activity.done = sum(slot.phase != "loading" for slot in self._slots)
                now = time.perf_counter()
                if activity.done and first_up is None:
                    first_up = now
                if activity.done == len(self._slots) or (first_up and now - first_up > _OTHERS_S):
                    break
                if not activity.done and activity.seconds() > limit_s:
                    raise RunError(
                        f"the Ray workers did not start within {limit_s:.0f} s; "
                        "try --executor inline, or fewer --workers"
                    )
                time.sleep(0.1)
        self._ready_at = time.perf_counter()

    @property
    def time(self) -> WorkerTime:
        """Where the workers' time went since all of them were ready."""
        known = self._time
        if self._ready_at is not None:
            total = (time.perf_counter() - self._ready_at) * self.num_workers
            known.idle = max(0.0, total - known.training - known.paused - known.setup - known.lost)
        return known

    @property
    def waiting(self) -> int:
        """Number of submitted jobs that no worker has begun."""
        return len(self._queue)

    @property
    def running(self) -> int:
        """Number of jobs in training."""
        return sum(slot.job is not None for slot in self._slots)

    @property
    def worker_pids(self) -> list[int]:
        """Process ids of the workers that are up."""
        pids = [slot.actor.pid.remote() for slot in self._slots if slot.phase != "loading"]
        return [int(pid) for pid in ray.get(pids, timeout=60)]

    def submit(self, job: Job) -> None:
        """Queue a job."""
        self._queue.append((job, 1))

    def next_event(self, timeout_s: float) -> Event | None:
        """Return the next event, or None when none came within ``timeout_s``."""
        self._raise_if_broken()
        try:
            return self._events.get(timeout=timeout_s) if timeout_s > 0 else self._events.get(False)
        except queue.Empty:
            return None

    def close(self) -> None:
        """Stop the workers and Ray; unfinished jobs are dropped."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._thread.join(timeout=10)
        for slot in self._slots:
            with contextlib.suppress(Exception):  # it, or Ray, may be gone
                ray.kill(slot.actor)
        if self._started:
            stop_ray()

    def _raise_if_broken(self) -> None:
        if self._broken is not None:
            raise RunError(f"the worker pool stopped: {self._broken}") from self._broken

    def _check_raylet(self) -> None:
        """Raise if Ray's process on this node has ended.

        Ray's library in C++ ends this process, without an exception, when it next uses the object
        store. So this is asked before, and the driver can train in its own process.
        """
        if has_ended(self._raylet):
            raise RunError("Ray's process on this machine, raylet, has ended")

    # below: the pool's thread

    def _loop(self) -> None:
        try:
            while not self._closed.is_set():
                self._check_raylet()
                self._assign()
                self._tell()
                busy = {slot.ref: slot for slot in self._slots if slot.phase != "free"}
                if not busy:
                    time.sleep(0.01)
                    continue
                done, _ = ray.wait(list(busy), num_returns=1, timeout=0.05)
                for ref in done:
                    self._advance(busy[ref])
                self._replace_hung()
        except BaseException as error:
            if not self._closed.is_set():
                logger.exception("the worker pool stopped")
                self._broken = error
        finally:
            self._shown.close()

    def _tell(self) -> None:
        """Show why idle workers do not train."""
        now = time.monotonic()
        if self._ready_at is None or now - self._looked < _LOOK_EVERY_S:
            return
        self._looked = now
        loading = sum(slot.phase == "loading" for slot in self._slots)
        measurer = self._quiet.measurer() if self._quiet is not None and self.running else None
        text = ""
        silent = [slot for slot in self._slots if self._silent_s(slot) > self._shown_after_s]
        if silent and measurer is None:
            longest = max(silent, key=self._silent_s)
            limit_s = self._silence_limit_s
            text = (
                f"the worker of {longest.job} has been silent for {self._silent_s(longest):.0f} s; "
                f"it is replaced after {limit_s:.0f} s"
            )
        elif loading:
            text = f"{loading} of {len(self._slots)} workers still to start"
        elif measurer is not None:
            text = f"training rests while another process measures ({measurer})"
        if not text:
            self._shown.close()
            self._activity = None
        elif self._activity is None:
            self._activity = self._shown.enter_context(BOARD.show(Activity(text)))
        else:
            self._activity.what = text

    def _assign(self) -> None:
        for slot in self._slots:
            if slot.phase == "free" and self._queue:
                slot.job, slot.attempt = self._queue.popleft()
                slot.curve, slot.spent_s = slot.job.begun, 0.0
                self._call(slot, "starting", slot.actor.start, slot.job)

    def _call(self, slot: _Slot, phase: str, method: Any, *args: object) -> None:
        slot.phase, slot.since, slot.ref = phase, time.perf_counter(), method.remote(*args)

    def _advance(self, slot: _Slot) -> None:
        """Take the result of the call that ended, and make the next one."""
        try:
            result = ray.get(slot.ref)
        except RayTaskError as error:
            if slot.job is None:
                self._start_again(slot, " ".join(str(error.cause or error).split())[:300])
            else:
                self._fail(slot, error)
            return
        except RayError as error:  # it died, or Ray stopped it for want of memory
            self._replace(slot, f"its worker died ({type(error).__name__})")
            return
        if slot.phase == "loading":
            slot.phase = "free"
        elif slot.phase == "starting":
            self._time.setup += result
            self._call(slot, "epoch", slot.actor.run_epoch)
        else:
            self._epoch_ended(slot, result)

    def _epoch_ended(self, slot: _Slot, report: EpochReport) -> None:
        job = slot.job
        assert job is not None
        self._longest_epoch_s = max(self._longest_epoch_s, report.busy_s)
        self._time.training += report.busy_s
        self._time.paused += report.paused_s
        slot.spent_s += report.busy_s
        slot.curve = (*slot.curve, report.metrics)
        reason = "" if report.done else self._stop_rule(job, slot.curve)
        if not report.done and not reason:
            self._call(slot, "epoch", slot.actor.run_epoch)
            self._events.put(EpochEvent(job, report.metrics))
            return
        saved = _fetcher(slot.actor.saved.remote(), self._raylet)
        curve, slot.job, slot.phase = slot.curve, None, "free"
        self._assign()
        self._events.put(EpochEvent(job, report.metrics))
        self._events.put(FinishedEvent(job, curve, reason, saved, report.precision))

    def _fail(self, slot: _Slot, error: RayTaskError) -> None:
        assert slot.job is not None
        cause = error.cause
        if isinstance(cause, TrialError):
            event = FailedEvent(slot.job, slot.curve, str(cause))
        else:
            reason = f"{type(cause).__name__}: {cause}"
            event = FailedEvent(slot.job, slot.curve, reason, str(error))
        slot.job, slot.phase = None, "free"
        if cause is not None and is_device_lost(cause):
            # the device answers that process no more; the next candidate gets a fresh one
            ray.kill(slot.actor)
            self._slots[self._slots.index(slot)] = self._new_slot()
        self._events.put(event)

    @property
    def _shown_after_s(self) -> float:
        return max(_SHOWN_LEAST_S, _SHOWN_EPOCHS * self._longest_epoch_s)

    @property
    def _silence_limit_s(self) -> float:
        if self._options.silence_s is not None:
            return self._options.silence_s
        if not self._longest_epoch_s:
            return _FIRST_SILENT_S
        return max(_SILENT_LEAST_S, _SILENT_EPOCHS * self._longest_epoch_s)

    def _silent_s(self, slot: _Slot) -> float:
        """Return since when a worker that trains has reported nothing; 0 for one that rests."""
        is_busy = slot.phase in ("starting", "epoch")
        return time.perf_counter() - slot.since if is_busy else 0.0

    def _rests(self, silent_s: float) -> bool:
        """Tell whether workers may be silent because another process measures."""
        is_held = self._quiet is not None and self._quiet.measurer() is not None
        return is_held and silent_s < _FIRST_SILENT_S

    def _replace_hung(self) -> None:
        now = time.perf_counter()
        for slot in list(self._slots):
            silent = now - slot.since
            if self._silent_s(slot) > self._silence_limit_s and not self._rests(silent):
                ray.kill(slot.actor)
                self._replace(slot, f"no sign of life for {silent:.0f} s")
            elif slot.phase == "loading" and silent > self._start_limit_s:
                ray.kill(slot.actor)
                self._start_again(slot, f"it was not up within {silent:.0f} s")

    def _replace(self, slot: _Slot, why: str) -> None:
        """Start a fresh worker in place of a dead one; try its job once more."""
        job, curve = slot.job, slot.curve
        if job is None and slot.phase == "loading":
            self._start_again(slot, why)
            return
        # what the dead worker had trained is lost; the epoch it was in is unknown
        self._time.training -= slot.spent_s
        self._time.lost += slot.spent_s + (time.perf_counter() - slot.since)
        attempt = slot.attempt
        self._slots[self._slots.index(slot)] = self._new_slot()
        if job is None:
            return
        if attempt < _MAX_ATTEMPTS:
            logger.warning("%s: %s; trying once more", job, why)
            self._queue.appendleft((job, attempt + 1))
        else:
            self._events.put(FailedEvent(job, curve, f"failed twice: {why}"))

    def _start_again(self, slot: _Slot, why: str) -> None:
        """Restart a worker that did not come up; after some attempts go on without it."""
        place = self._slots.index(slot)
        if slot.starts < _MAX_STARTS:
            logger.warning("a worker did not start: %s; trying again", why)
            self._slots[place] = self._new_slot(slot.starts + 1)
            return
        del self._slots[place]
        if not self._slots:
            raise RunError(f"no worker could be started: {why}")
        logger.warning("a worker did not start: %s; going on with %d", why, len(self._slots))

    def _new_slot(self, starts: int = 1) -> _Slot:
        self._check_raylet()
        options = self._options
        share = options.gpus or 1 / options.num_workers
        gpus = share if is_cuda(options.device) else 0
        actor = (
            ray.remote(RayWorker)
            .options(num_cpus=options.threads, num_gpus=gpus, max_restarts=0)
            .remote(self._data, options.threads, self._device, options.quiet_folder)
        )
        return _Slot(actor, actor.pid.remote(), since=time.perf_counter(), starts=starts)


class RayWorker(Worker):
    """A `Worker` that can say which process it is."""

    def pid(self) -> int:
        """Return the process id."""
        return os.getpid()


def _array_bytes(data: DataSplits) -> int:
    splits: tuple[Split | None, ...] = (data.train, data.val, data.test)
    images = sum(split.pixels.nbytes for split in splits if isinstance(split, ArraySplit))
    return images + (data.teacher.nbytes if data.teacher is not None else 0)


def _fetcher(ref: Any, raylet: psutil.Process | None) -> Callable[[], bytes]:
    def fetch() -> bytes:
        if has_ended(raylet):
            raise TrialError("its weights were lost with Ray's process on this machine, raylet")
        try:
            return bytes(ray.get(ref, timeout=120))
        except (RayActorError, RayTaskError, GetTimeoutError) as error:
            raise TrialError(f"its weights were lost ({type(error).__name__})") from None

    return fetch
