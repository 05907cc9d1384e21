import multiprocessing
import os
import signal
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from archsearch.cluster import QuietLock
from archsearch.errors import RunError

# processes of a server that has loaded torch once
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["archsearch.cluster"])


def train(folder: Path, log: Path, started: Event, stop: Event) -> None:
    """Train in slices, writing a line at the start and end of each."""
    quiet = QuietLock(folder)
    started.set()
    while not stop.is_set():
        with quiet.training():
            note(log, "+")
            time.sleep(0.01)
            note(log, "-")


def hold(folder: Path, started: Event) -> None:
    with QuietLock(folder).training():
        started.set()
        time.sleep(60)


def note(log: Path, mark: str) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, mark.encode())
    os.close(descriptor)


def test_no_slice_runs_while_measuring_and_no_one_starves(tmp_path: Path) -> None:
    log, stop = tmp_path / "log", PROCESSES.Event()
    workers = []
    for _ in range(2):
        started = PROCESSES.Event()
        workers.append(PROCESSES.Process(target=train, args=(tmp_path, log, started, stop)))
        workers[-1].start()
        assert started.wait(30)
    quiet = QuietLock(tmp_path)
    try:
        for _ in range(5):
            with quiet.measuring(timeout_s=10):
                note(log, "[")
                time.sleep(0.03)
                note(log, "]")
            time.sleep(0.05)
    finally:
        stop.set()
        for worker in workers:
            worker.join(10)
    text = log.read_text()
    assert text.count("[]") == 5, "a slice began or ended while the lock was held"
    inside = 0
    for mark in text:
        assert not (mark == "[" and inside), "measuring began in the middle of a slice"
        inside += {"+": 1, "-": -1}.get(mark, 0)
    between = text.split("]")[1:-1]
    assert all("+" in part for part in between), "training never got a turn between measurements"


def test_a_killed_worker_leaves_no_lock_behind(tmp_path: Path) -> None:
    started = PROCESSES.Event()
    worker = PROCESSES.Process(target=hold, args=(tmp_path, started))
    worker.start()
    assert started.wait(30)
    quiet = QuietLock(tmp_path)
    with pytest.raises(RunError, match="did not pause within"), quiet.measuring(timeout_s=0.2):
        pass
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    worker.join(10)
    with quiet.measuring(timeout_s=5) as waited:
        assert waited < 5


def test_many_may_train_at_once(tmp_path: Path) -> None:
    quiet = QuietLock(tmp_path)
    with quiet.training(), quiet.training():
        pass
