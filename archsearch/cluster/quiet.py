"""Keep training and latency measurement apart on one machine.

Training processes hold a shared lock while they compute, slice by slice; whoever measures takes
the lock for itself. The kernel drops the locks of a process that dies, so a killed worker or
driver never leaves the others waiting. Two files form a turnstile: the measurer closes the gate,
so that no new slice starts, then waits until the running slices have left the room.
"""

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from archsearch.errors import RunError

try:
    import fcntl
except ImportError:  # Windows: the in-process executor never trains while it measures
    fcntl = None  # type: ignore[assignment]

_POLL_S = 0.002


class Quiet(Protocol):
    """Makes training rest while a latency is measured."""

    def measuring(self) -> AbstractContextManager[float]:
        """Hold the machine alone; yield the seconds waited until training had paused."""
        ...


class OtherMachine:
    """In place of a `QuietLock` where latency is measured elsewhere: nothing here has to rest."""

    @contextlib.contextmanager
    def measuring(self) -> Iterator[float]:
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

    @contextlib.contextmanager
    def training(self) -> Iterator[float]:
        """Hold the machine for one slice of training; yield the seconds waited for it."""
        started = time.perf_counter()
        with self._open("gate") as gate, self._open("room") as room:
            _lock(gate, shared=True)
            _lock(room, shared=True)
            _unlock(gate)
            yield time.perf_counter() - started

    @contextlib.contextmanager
    def measuring(self, timeout_s: float = 120.0) -> Iterator[float]:
        """Hold the machine alone; yield the seconds waited until training had paused.

        Raises:
            RunError: training did not pause within ``timeout_s``.
        """
        started = time.perf_counter()
        with self._open("gate") as gate, self._open("room") as room:
            for file in (gate, room):
                while not _try_lock(file):
                    if time.perf_counter() - started > timeout_s:
                        raise RunError(
                            f"training did not pause within {timeout_s:.0f} s, so latency could "
                            "not be measured in quiet; a worker may hang"
                        )
                    time.sleep(_POLL_S)
            yield time.perf_counter() - started

    @contextlib.contextmanager
    def _open(self, name: str) -> Iterator[int]:
        descriptor = os.open(self.folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            yield descriptor
        finally:
            os.close(descriptor)  # closing drops the lock


def machine_lock() -> QuietLock:
    """Return the lock that all runs of this user on this machine share."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    return QuietLock(Path(tempfile.gettempdir()) / f"archsearch-quiet-{user}")


def _lock(descriptor: int, *, shared: bool) -> None:
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)


def _try_lock(descriptor: int) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _unlock(descriptor: int) -> None:
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
