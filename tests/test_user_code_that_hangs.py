"""A user's code that hangs is named on the board with a clock, and one Ctrl-C ends it."""

import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

_PATIENCE_S = 240.0

BLOCK = """\
import time
from typing import ClassVar
from torch import nn
from archsearch.arch import AttentionSpec

def wait():
    while True:
        {waits}

{on_import}

class Mixer(nn.Module):
    def forward(self, x, tokens):
        {on_forward}
        return x, None

class Slow(AttentionSpec):
    tokens_read: ClassVar = "none"
    updates_class_token: ClassVar = False

    def build(self, context):
        {on_build}
        return Mixer()
"""
SPACE = """\
image_size: 16
num_classes: 4
stages:
  - depth: {choice: [1, 2]}
    width: 8
    num_heads: 1
    blocks:
      - attention: {type: slow_block.py:Slow}
        ffn: {type: mlp}
"""
SLEEPS = "time.sleep(1)"
#: one that takes an interruption for an error of its own
DEAF = """try:
            time.sleep(1)
        except BaseException:
            pass"""
#: where a block hangs, and what the board says
BLOCKS = {
    "import": ({"on_import": "wait()"}, "importing slow_block.py"),
    "build": ({"on_build": "wait()"}, "building slow_block.py:Slow"),
    "build, deaf": ({"on_build": "wait()", "waits": DEAF}, "building slow_block.py:Slow"),
    "forward": ({"on_forward": "wait()"}, "counting multiply-adds"),
}


def interrupted(command: list[str], folder: Path, expected: str) -> tuple[int, str]:
    """Send Ctrl-C once the pattern ``expected`` is said with a clock; return code and words."""
    log = folder / "log"
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, cwd=folder)
    pattern = re.compile(expected + r"[^;]*, 0:(0[1-9]|[1-5]\d) so far")
    until = time.monotonic() + _PATIENCE_S
    while not pattern.search(log.read_text()):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.1)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    code = process.wait(60)
    assert not psutil.wait_procs(children, 10)[1]
    return code, log.read_text()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name == "build, deaf" else pytest.mark.slow)
        for name in BLOCKS
    ],
)
def test_a_block(name: str, tmp_path: Path) -> None:
    places, expected = BLOCKS[name]
    filled = {"on_import": "", "on_forward": "pass", "on_build": "pass", "waits": SLEEPS, **places}
    (tmp_path / "slow_block.py").write_text(BLOCK.format(**filled))
    (tmp_path / "slow.yaml").write_text(SPACE)
    command = [sys.executable, "-m", "archsearch", "space", "slow.yaml"]
    code, told = interrupted(command, tmp_path, expected)
    assert code == 130
    assert told.strip().splitlines()[-1].startswith("interrupted; ")
    assert "Traceback" not in told


@pytest.mark.slow
@pytest.mark.parametrize("place", ["importing model.py", "running model.py:create_model"])
def test_a_network_of_a_file(place: str, tmp_path: Path) -> None:
    body = "import time\ndef create_model():\n    time.sleep(1000)\n"
    (tmp_path / "model.py").write_text(
        body if place.startswith("running") else "import time\ntime.sleep(1000)\n"
    )
    command = [sys.executable, "-m", "archsearch", "profile", "model.py", "--no-latency"]
    code, told = interrupted(command, tmp_path, place)
    assert code == 130
    assert "Traceback" not in told


SEARCH = """\
import signal, threading, time
import archsearch
# who starts the tests in the background of a shell has them ignore it
signal.signal(signal.SIGINT, signal.default_int_handler)
from archsearch.activity import BOARD

def say():
    while True:
        time.sleep(0.5)
        print(BOARD.words(), flush=True)

threading.Thread(target=say, daemon=True).start()
calls = dict.fromkeys(("evaluate", "told", "known"), 0)

def hang(place):
    calls[place] += 1
    if place == {place!r} and calls[place] == (3 if place != "known" else 12):
        time.sleep(1000)

def evaluate(params):
    hang("evaluate")
    return {{"error": params["a"]}}

def listen(trial):
    hang("told")

def size(params):
    hang("known")
    return params["a"]

archsearch.search(
    archsearch.flat_space({{"a": list(range(50))}}),
    evaluate,
    objectives={{"error": "min"}},
    known={{"size": size}},
    sampler="random",
    trials=20,
    workers={workers},
    storage="sqlite:///study.db",
    listener=listen,
)
"""
#: what hangs in a search, and what the board says
CALLBACKS = {
    "evaluate": r"evaluating trial \d+ with evaluate",
    "told": r"telling listen of trial \d+",
    "known": "computing size",
}


@pytest.mark.parametrize(
    ("place", "workers"),
    [
        ("evaluate", 1),
        ("told", 2),
        ("known", 1),
        *(
            pytest.param(*pair, marks=pytest.mark.slow)
            for pair in (("evaluate", 2), ("told", 1), ("known", 2))
        ),
    ],
)
def test_a_function_of_a_search(place: str, workers: int, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SEARCH.format(place=place, workers=workers))
    command = [sys.executable, "script.py"]
    code, told = interrupted(command, tmp_path, CALLBACKS[place])
    # Python itself ends a script so, which a shell shows as 130
    assert code == -signal.SIGINT
    assert "KeyboardInterrupt" in told
    with sqlite3.connect(tmp_path / "study.db") as database:
        (kept,) = database.execute(
            "SELECT count(*) FROM trials WHERE state = 'COMPLETE'"
        ).fetchone()
    assert kept >= 1, "what was told is there"
