"""The holders of a lock file, from its note and from the kernel."""

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from archsearch.activity import clock

_LOCKS = Path("/proc/locks")
_MOST_BYTES = 4096
#: words of a command line that are shown: later ones may hold a password
_WORDS = 2


@dataclass(frozen=True)
class LockHolder:
    """A process that holds a lock.

    Attributes:
        pid: process id.
        command: what it runs, in a few words; empty when it has ended.
        what: its own description of its activity; empty without one.
        since_s: for how long it has done that; None when that is not known.
        left_s: how much longer it has announced to do that, 0 and less when it is late.
        is_stopped: it was stopped by a signal and does nothing.
    """

    pid: int
    command: str
    what: str = ""
    since_s: float | None = None
    left_s: float = 0.0
    is_stopped: bool = False

    @property
    def is_working(self) -> bool:
        """Whether it is running."""
        return bool(self.command) and not self.is_stopped

    def __str__(self) -> str:
        if not self.command:
            return f"process {self.pid}, which has ended; one that it started keeps the lock"
        text = f"process {self.pid}, {self.command}"
        if self.is_stopped:
            return f"{text}, which is stopped: kill -CONT {self.pid} lets it go on"
        if self.what:
            text += f", {self.what}"
        return text if self.since_s is None else f"{text} for {clock(self.since_s)}"


@contextlib.contextmanager
def write_note(descriptor: int, what: str, expected_s: float) -> Iterator[None]:
    """Write who holds a lock file into it, for as long as it is held."""
    now = time.time()
    note = {"pid": os.getpid(), "what": what, "since": now, "until": now + expected_s}
    # it only informs: a full disk is no reason not to measure
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(note).encode(), 0)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)


def read_note(descriptor: int) -> LockHolder | None:
    """Return the holder that a lock file names; None without one."""
    try:
        note = json.loads(os.pread(descriptor, _MOST_BYTES, 0))
        pid, what = int(note["pid"]), str(note["what"])
        since, until = float(note["since"]), float(note["until"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    now = time.time()
    command, is_stopped = _process(pid)
    return LockHolder(pid, command, what, max(0.0, now - since), until - now, is_stopped)


def find_holders(path: Path, descriptor: int) -> list[LockHolder]:
    """Return the processes that hold a lock file, this one left out."""
    noted = read_note(descriptor)
    pids = [pid for pid in _kernel_pids(path) if pid != os.getpid()]
    if noted is not None and noted.pid != os.getpid() and (not pids or noted.pid in pids):
        return [noted]
    return [LockHolder(pid, *_process_fields(pid)) for pid in pids]


def _process_fields(pid: int) -> tuple[str, str, None, float, bool]:
    command, is_stopped = _process(pid)
    return command, "", None, 0.0, is_stopped


def _kernel_pids(path: Path) -> list[int]:
    """Return the holders of a lock on ``path``, from Linux's table of locks."""
    try:
        inode = str(path.stat().st_ino)
        lines = _LOCKS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        # 1: FLOCK  ADVISORY  READ 4711 fe:00:12345 0 EOF; a second word of -> waits
        words = line.split()
        is_held = len(words) >= 6 and words[1] == "FLOCK"
        if is_held and words[5].rpartition(":")[2] == inode and int(words[4]) > 0:
            found.append(int(words[4]))
    return sorted(set(found))


def _process(pid: int) -> tuple[str, bool]:
    """Return what a process runs in a few words, empty if it has ended; and if it is stopped."""
    try:
        process = psutil.Process(pid)
        status, words = process.status(), process.cmdline()
        if status == psutil.STATUS_ZOMBIE:
            return "", False
        return _command(words) or process.name(), status == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return "", False
    except psutil.Error:
        return "of another user", False


def _command(words: list[str]) -> str:
    """Return ``archsearch run lightweight`` for the whole line that Python was started with."""
    for index, word in enumerate(words):
        if Path(word).name == "archsearch" or Path(word).parent.name == "archsearch":
            rest = words[index + 1 : index + 1 + _WORDS]
            kept = [each for each in rest if not each.startswith("-") and "://" not in each]
            return " ".join(["archsearch", *kept])
    name = Path(words[0]).name if words else ""
    if name == Path(sys.executable).name and len(words) > 1 and not words[1].startswith("-"):
        return f"{name} {Path(words[1]).name}"
    return name
