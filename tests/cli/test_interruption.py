"""One signal ends a command in any phase, and the last line says how to go on."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

RUN = ("run", "tiny", "--trials", "500", "--epochs", "2", "--executor", "inline")
QUICK = ("--limit", "300", "--calibration", "0", "--front-seeds", "0", "--name", "long")

#: a command whose main thread swallows the first interruption, as a callback in a library does
DEAF = """
import sys, time
from archsearch.cli import console, interruption
interruption.GRACE_S = 1.0
from archsearch.activity import resumable
with console.exit_codes(), resumable("work", "go on with X"):
    print("ready", flush=True)
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        pass
    time.sleep(60)
"""


#: an import that catches an interruption leaves half a module, which fails later
SWALLOWED = """
import os, signal, time
from archsearch.cli.console import exit_codes
with exit_codes():
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)
    except KeyboardInterrupt:
        pass
    raise AttributeError("module 'half' has no attribute 'done'")
"""


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "archsearch", *words]
    with (folder / "log").open("w") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, text=True)


def wait_for(process: subprocess.Popen[str], folder: Path, text: str) -> None:
    until = time.monotonic() + 180
    while text not in (folder / "log").read_text():
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < until, (folder / "log").read_text()
        time.sleep(0.05)


def wait_for_probe(process: subprocess.Popen[str], folder: Path) -> None:
    """Wait for the process that measures; the line that names it comes seconds later, or never."""
    until = time.monotonic() + 180
    while True:
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < until, (folder / "log").read_text()
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if any("probe_process" in word for word in child.cmdline()):
                    return
        time.sleep(0.05)


def end(process: subprocess.Popen[str], folder: Path, number: int) -> tuple[int, str]:
    """Send one signal; return the exit code and the last line. Nothing may be left behind."""
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    code = process.wait(30)
    _, alive = psutil.wait_procs(children, 10)
    assert not alive, [each.cmdline() for each in alive]
    return code, (folder / "log").read_text().strip().splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "sign", "number"),
    [
        ((*RUN, *QUICK), "one epoch of a median candidate", signal.SIGINT),
        ((*RUN, *QUICK[2:], "-q"), "one epoch", signal.SIGTERM),
    ],
    ids=["SIGINT", "SIGTERM of a quiet run"],
)
def test_one_signal_ends_a_run_in_training(
    words: tuple[str, ...], sign: str, number: int, tmp_path: Path
) -> None:
    process = start(tmp_path, *words)
    wait_for(process, tmp_path, sign)
    code, last = end(process, tmp_path, number)
    assert code == 130
    assert last == "interrupted; the same command goes on from here: runs/long"


@pytest.mark.slow
def test_one_signal_ends_a_calibration(tmp_path: Path) -> None:
    process = start(tmp_path, "calibrate", "lightweight", "--fresh", "--time-limit", "3m")
    wait_for_probe(process, tmp_path)
    code, last = end(process, tmp_path, signal.SIGTERM)
    assert code == 130
    assert last.startswith("interrupted; ")


def test_a_lost_interruption_ends_by_force_and_still_says_how_to_go_on() -> None:
    command = [sys.executable, "-c", DEAF]
    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        _, output = process.communicate(timeout=30)
    assert process.returncode == 130
    assert output.strip() == "interrupted; go on with X"


def test_a_second_signal_ends_at_once() -> None:
    command = [sys.executable, "-c", DEAF.replace("GRACE_S = 1.0", "GRACE_S = 100.0")]
    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        os.kill(process.pid, signal.SIGTERM)
        time.sleep(0.3)
        os.kill(process.pid, signal.SIGINT)
        _, output = process.communicate(timeout=30)
    assert process.returncode == 130
    assert output.strip() == "interrupted; go on with X"


def test_what_a_library_makes_of_an_interruption_is_no_traceback() -> None:
    command = [sys.executable, "-c", SWALLOWED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 130
    assert done.stderr.strip().startswith("interrupted")
    assert "Traceback" not in done.stderr
