"""Who waits for the quiet lock learns who holds it; no wait is endless."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from archsearch.activity import BOARD
from archsearch.cluster import QuietLock, quiet_lock
from archsearch.cluster.lock_holder import LockHolder, find_holders, read_note
from archsearch.errors import NotQuietError

#: what another process leaves on disk, written by hand: it starts at once, without our libraries
HOLD = """
import fcntl, json, os, sys, time
folder, is_measuring = sys.argv[1], sys.argv[2] == "measuring"
os.makedirs(folder, exist_ok=True)
room = open(os.path.join(folder, "room.lock"), "w")
gate = open(os.path.join(folder, "gate.lock"), "w")
fcntl.flock(room, fcntl.LOCK_EX if is_measuring else fcntl.LOCK_SH)
if is_measuring:
    fcntl.flock(gate, fcntl.LOCK_EX)
    now = time.time()
    json.dump(dict(pid=os.getpid(), what="calibrating tiny", since=now, until=now + 1), gate)
    gate.flush()
print("held", flush=True)
time.sleep(60)
"""


def hold(folder: Path, how: str, script: Path | None = None, *words: str) -> subprocess.Popen[str]:
    """Start a process that holds the lock in ``folder``."""
    code = ("-c", HOLD) if script is None else ("-P", str(script))
    command = [sys.executable, *code, *(words or (str(folder), how))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet_lock, "_GRACE_S", 0.2)


@pytest.fixture(params=["measuring", "training"])
def how(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def holder(how: str, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with hold(tmp_path, how) as process:
        yield process
        process.kill()


def test_the_wait_names_the_holder(holder: subprocess.Popen[str], how: str, tmp_path: Path) -> None:
    is_measuring = how == "measuring"
    lock = QuietLock(tmp_path)
    with pytest.raises(NotQuietError) as caught, lock.measuring(timeout_s=0.3):
        pass
    assert f"process {holder.pid}, " in str(caught.value)
    assert ("calibrating tiny" in str(caught.value)) == is_measuring
    found = lock.measurer()
    assert (found is not None and found.pid == holder.pid) == is_measuring


def test_a_stopped_holder_is_named_as_such(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    os.kill(holder.pid, signal.SIGSTOP)
    until = time.monotonic() + 10
    while psutil.Process(holder.pid).status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < until
        time.sleep(0.01)
    lock = QuietLock(tmp_path)
    began = time.monotonic()
    said = f"kill -CONT {holder.pid} lets it go on"
    with pytest.raises(NotQuietError, match=said), lock.measuring(timeout_s=1.2):
        pass
    # what it has announced counts for nothing while it is stopped
    assert time.monotonic() - began < 15


def test_a_killed_holder_holds_nothing(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    holder.kill()
    holder.wait()
    with QuietLock(tmp_path).measuring(timeout_s=10) as waited:
        assert waited < 10


def test_training_goes_on_when_a_measurement_does_not_end(tmp_path: Path) -> None:
    with QuietLock(tmp_path).measuring():
        lock = QuietLock(tmp_path)
        began = time.monotonic()
        with lock.training(timeout_s=0.3):
            pass
        assert 0.2 < time.monotonic() - began < 5
        began = time.monotonic()
        for _ in range(5):
            with lock.training():
                pass
        assert time.monotonic() - began < 5, "after one wait in vain the next ones are short"


def test_after_a_wait_in_vain_the_next_one_is_long_again_once_the_lock_was_had(
    tmp_path: Path,
) -> None:
    lock = QuietLock(tmp_path)
    other = QuietLock(tmp_path)
    with other.training(), pytest.raises(NotQuietError), lock.measuring(timeout_s=0.1):
        pass
    assert lock._in_vain
    with lock.measuring():
        assert not lock._in_vain


def test_the_wait_is_shown(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    seen: list[str] = []
    lock = QuietLock(tmp_path)
    original = lock._try_for

    def look(descriptor: int, shared: bool, seconds: float) -> bool:
        seen.append(BOARD.words())
        return original(descriptor, shared, min(seconds, 0.05))

    lock._try_for = look  # type: ignore[method-assign]
    lock._in_vain = True  # no longer than this, whatever the holder has announced
    with pytest.raises(NotQuietError), lock.measuring(timeout_s=0.3):
        pass
    assert any(f"waiting for a quiet machine (held by process {holder.pid}" in s for s in seen)


@pytest.mark.parametrize(
    ("holder", "text"),
    [
        (LockHolder(7, ""), "process 7, which has ended; one that it started keeps the lock"),
        (
            LockHolder(7, "archsearch run x", "measuring", 65),
            "archsearch run x, measuring for 1:05",
        ),
        (LockHolder(7, "python"), "process 7, python"),
    ],
)
def test_what_is_said_of_a_holder(holder: LockHolder, text: str) -> None:
    assert text in str(holder)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"pid": 1}', b'{"pid": "x", "what": 1}'])
def test_a_note_that_is_none_is_ignored(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "gate.lock"
    path.write_bytes(text)
    descriptor = os.open(path, os.O_RDWR)
    try:
        assert read_note(descriptor) is None
        assert find_holders(path, descriptor) == []
    finally:
        os.close(descriptor)


def test_no_password_of_a_command_line_is_shown(tmp_path: Path) -> None:
    (tmp_path / "archsearch").mkdir()
    script = tmp_path / "archsearch" / "__main__.py"
    folder = tmp_path / "lock"
    script.write_text(HOLD.replace("sys.argv[1], sys.argv[2]", f"{str(folder)!r}, 'training'"))
    words = ["run", "tiny", "--storage", "postgresql://me:secret@host/db"]
    with hold(folder, "training", script, *words) as process:
        lock = QuietLock(folder)
        with pytest.raises(NotQuietError) as caught, lock.measuring(timeout_s=0.2):
            pass
        process.kill()
    assert "archsearch run tiny" in str(caught.value)
    assert "secret" not in str(caught.value)
