"""Keep training and latency measurement apart on one machine.

Training processes hold a shared lock while they compute, slice by slice; a measurement holds it
exclusively. The kernel drops the locks of a process that dies, so a killed worker or driver never
leaves the others waiting. Two files form a turnstile: the measurer closes the gate, so that no new
slice starts, then waits until the running slices have left the room.

A process that is stopped, or hangs, keeps its lock. So every wait has a limit: a measurement then
runs beside the others and is marked as not quiet, and training goes on. A waiting process shows the
holder (`archsearch.cluster.lock_holder`).
"""

import contextlib
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from archsearch.activity import BOARD, Activity
from archsearch.cluster.lock_holder import LockHolder, find_holders, read_note, write_note
from archsearch.errors import NotQuietError

try:
    import fcntl
except ImportError:  # Windows: the in-process executor never trains while it measures
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

#: longest wait for training to pause, and of a slice of training for a measurement to end; longer
#: while a measurement that goes on has announced that it takes longer
_MEASURE_LIMIT_S, _TRAIN_LIMIT_S = 120.0, 300.0
_LONGEST_S = 1800.0
#: after a wait that timed out, the next ones are short until the lock is acquired again
_SHORT_LIMIT_S, _SHORT_TRAIN_LIMIT_S = 5.0, 0.05
#: extra seconds for a measurement that has announced its length
_GRACE_S = 10.0
_SHOWN_AFTER_S = 1.0
_ASKED_EVERY_S = 1.0


class Quiet(Protocol):
    """Pauses training while a latency is measured."""

    def measuring(self, what: str = "", expected_s: float = 0.0) -> AbstractContextManager[float]:
        """Hold the machine alone; see `QuietLock.measuring`."""
        ...


class OtherMachine:
    """Replaces a `QuietLock` where latency is measured on another machine."""

    @contextlib.contextmanager
    def measuring(self, what: str = "", expected_s: float = 0.0) -> Iterator[float]:
        """Wait for nothing."""
        yield 0.0


class QuietLock:
    """One machine's agreement on when to train and when to measure.

    Args:
        folder: where the two lock files live; processes that share it share the agreement.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._in_vain = False

    @contextlib.contextmanager
    def training(self, timeout_s: float = _TRAIN_LIMIT_S) -> Iterator[float]:
        """Hold the machine for one slice of training; yield the seconds waited for it.

        When that takes longer than ``timeout_s``, the slice goes on without.
        """
        started = time.perf_counter()
        with self._open("gate") as gate, self._open("room") as room:
            try:
                self._wait("gate", gate, "training rests", timeout_s, shared=True)
                self._wait("room", room, "training rests", timeout_s, shared=True)
            except NotQuietError as error:
                logger.warning("training goes on beside a measurement: %s", error)
            _unlock(gate)
            yield time.perf_counter() - started

    @contextlib.contextmanager
    def measuring(
        self,
        what: str = "measuring latency",
        expected_s: float = 0.0,
        timeout_s: float = _MEASURE_LIMIT_S,
    ) -> Iterator[float]:
        """Hold the machine alone; yield the seconds waited until training had paused.

        Args:
            what: is shown to those who wait.
            expected_s: longest time that the lock is wanted for, shown to those who wait.
            timeout_s: longest wait; longer while another measurement has announced so.

        Raises:
            NotQuietError: training did not pause within ``timeout_s``.
        """
        started = time.perf_counter()
        with self._open("gate") as gate, self._open("room") as room:
            waits = "waiting for a quiet machine"
            self._wait("gate", gate, waits, timeout_s, shared=False)
            with write_note(gate, what, expected_s):
                left = max(0.0, timeout_s - (time.perf_counter() - started))
                self._wait("room", room, waits, left, shared=False)
                yield time.perf_counter() - started

    def measurer(self) -> LockHolder | None:
        """Return the other process that measures now, None when none does."""
        with self._open("gate") as gate:
            if _try_lock(gate, shared=True):
                return None
            holder = read_note(gate)
        return holder if holder is not None and holder.pid != os.getpid() else None

    def _wait(
        self, name: str, descriptor: int, what: str, timeout_s: float, *, shared: bool
    ) -> None:
        """Take a lock.

        Raises:
            NotQuietError: it was not free in time.
        """
        if self._in_vain:
            timeout_s = min(timeout_s, _SHORT_TRAIN_LIMIT_S if shared else _SHORT_LIMIT_S)
        began = time.monotonic()
        if self._try_for(descriptor, shared, min(_SHOWN_AFTER_S, timeout_s)):
            return
        holders = find_holders(self.folder / f"{name}.lock", descriptor)
        activity = Activity(what, timeout_s, note=_held(holders), began=began)
        with BOARD.show(activity):
            while activity.seconds() < (activity.limit_s or 0.0):
                if self._try_for(descriptor, shared, _ASKED_EVERY_S):
                    return
                holders = find_holders(self.folder / f"{name}.lock", descriptor)
                activity.note = _held(holders)
                if not self._in_vain:
                    activity.limit_s = min(
                        _LONGEST_S, max(timeout_s, activity.seconds() + _announced_s(holders))
                    )
        self._in_vain = True
        held = _held(holders)
        raise NotQuietError(
            f"training did not pause within {activity.seconds():.0f} s, so latency could not be "
            "measured on a quiet machine"
            + (f": the machine is {held}" if held else "; a worker may hang")
        )

    def _try_for(self, descriptor: int, shared: bool, seconds: float) -> bool:
        """Try to take a lock for a while.

        A measurement polls often, since training is paused already. Training must not wake up
        often: that would disturb the measurement.
        """
        began = time.monotonic()
        pause = 0.001
        while not _try_lock(descriptor, shared=shared):
            if time.monotonic() - began >= seconds:
                return False
            time.sleep(pause)
            pause = min(2 * pause, 0.02 if shared else 0.002)
        self._in_vain = False
        return True

    @contextlib.contextmanager
    def _open(self, name: str) -> Iterator[int]:
        descriptor = os.open(self.folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            yield descriptor
        finally:
            os.close(descriptor)  # closing drops the lock


@contextlib.contextmanager
def quiet_or_not(
    quiet: AbstractContextManager[float], say: Callable[[str], None]
) -> Iterator[tuple[bool, float]]:
    """Hold the machine alone, or go on without; yield whether it is quiet, and the seconds waited.

    Args:
        quiet: what ``measuring`` returns.
        say: prints why it is not quiet.
    """
    began = time.perf_counter()
    with contextlib.ExitStack() as held:
        try:
            waited = held.enter_context(quiet)
            is_quiet = True
        except NotQuietError as error:
            say(f"measuring without quiet: {error}")
            is_quiet, waited = False, time.perf_counter() - began
        yield is_quiet, waited


def machine_lock() -> QuietLock:
    """Return the lock that all runs of this user on this machine share."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    return QuietLock(Path(tempfile.gettempdir()) / f"archsearch-quiet-{user}")


def _held(holders: list[LockHolder]) -> str:
    return "held by " + ", ".join(str(each) for each in holders[:3]) if holders else ""


def _announced_s(holders: list[LockHolder]) -> float:
    """Return how much longer the holders are entitled to keep the lock."""
    lefts = [each.left_s for each in holders if each.is_working and each.left_s > 0]
    return max(lefts) + _GRACE_S if lefts else 0.0


def _try_lock(descriptor: int, *, shared: bool = False) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _unlock(descriptor: int) -> None:
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
