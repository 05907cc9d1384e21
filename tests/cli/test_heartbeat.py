"""No phase is silent: with a terminal a line moves, without one plain lines come in time."""

import io
import itertools
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from archsearch.activity import Activity, Board, doing
from archsearch.cli import heartbeat
from archsearch.cli.heartbeat import Heartbeat
from archsearch.cluster import QuietLock
from archsearch.cost import GATE, Probe
from archsearch.errors import NotQuietError, ProbeError

#: longest silence asked for here, and what a busy machine may add
EVERY_S, SLACK_S = 0.3, 1.0


class Stamped(io.StringIO):
    """Notes when each line was written."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[float, str]] = []

    def write(self, text: str) -> int:
        if text.strip():
            self.lines.append((time.monotonic(), text.strip()))
        return super().write(text)


def gaps_of(work: Callable[[], object]) -> tuple[list[float], list[str]]:
    """Do ``work`` under a heartbeat; return the silences and the lines."""
    stream = Stamped()
    console = Console(file=stream, force_terminal=False, width=200)
    began = time.monotonic()
    with Heartbeat(console, every_s=EVERY_S), doing("test"):
        work()
    times = [began, *(at for at, _ in stream.lines), time.monotonic()]
    return [b - a for a, b in itertools.pairwise(times)], [t for _, t in stream.lines]


def slow_import() -> None:
    time.sleep(1.5)


def held_lock(folder: Path) -> None:
    other = QuietLock(folder)
    with other.training(), pytest.raises(NotQuietError), QuietLock(folder).measuring(timeout_s=2.0):
        pass


def hanging_probe() -> None:
    with Probe(hang_s=1.0) as probe, pytest.raises(ProbeError):
        probe._ask({"operation": "rates", "protocol": GATE.to_dict(), "working_bytes": 1}, 0.001)


def busy_thread() -> None:
    """Keep the interpreter as busy as a search does between two events."""
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        sum(range(1000))


@pytest.mark.parametrize("phase", ["import", "lock", "probe", "busy"])
def test_no_phase_is_silent(phase: str, tmp_path: Path) -> None:
    work = {
        "import": slow_import,
        "lock": lambda: held_lock(tmp_path),
        "probe": hanging_probe,
        "busy": busy_thread,
    }[phase]
    gaps, lines = gaps_of(work)
    assert max(gaps) < EVERY_S + SLACK_S
    assert len(lines) >= 3
    assert all(re.search(r"\d:\d\d (so far|of at most \d)", line) for line in lines)
    if phase == "lock":
        assert "waiting for a quiet machine" in lines[-1]
        assert "of at most 0:02" in lines[-1]


def test_the_interval_leaves_room_below_ten_seconds() -> None:
    assert heartbeat.EVERY_S <= 7


def test_what_is_printed_counts_as_a_sign_of_life() -> None:
    stream = Stamped()
    console = Console(file=stream, force_terminal=False, width=200)
    with Heartbeat(console, every_s=0.4), doing("test"):
        for _ in range(8):
            console.print("line")
            time.sleep(0.1)
    assert {text for _, text in stream.lines} == {"line"}


def test_a_quiet_console_stays_quiet() -> None:
    stream = Stamped()
    console = Console(file=stream, force_terminal=False, quiet=True)
    with Heartbeat(console, every_s=0.1), doing("test"):
        time.sleep(0.5)
    assert stream.lines == []


def test_a_line_moves_every_second_on_a_terminal() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100)
    board = Board()
    with (
        Heartbeat(console, board),
        board.show(Activity("training trial 3", 60, total=4)) as activity,
    ):
        activity.done = 1
        time.sleep(3.2)
    shown = {int(second) for second in re.findall(r"3: 1 of 4, 0:0(\d) of at", stream.getvalue())}
    assert {1, 2} <= shown


def test_a_nested_heartbeat_does_nothing() -> None:
    console = Console(file=io.StringIO(), force_terminal=False)
    with Heartbeat(console, every_s=0.1), Heartbeat(console, every_s=0.1):
        hearts = [each for each in threading.enumerate() if each.name == "archsearch-heart"]
        assert len(hearts) == 1


def test_nothing_is_said_after_the_last_line() -> None:
    out = io.StringIO()
    console, board = Console(file=out, width=80), Board()
    with Heartbeat(console, board, every_s=0.0), board.show(Activity("something long")):
        deadline = time.monotonic() + 10
        while "something long" not in out.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
        Heartbeat.silence()
        console.print("the last line")
        time.sleep(0.4)
    assert out.getvalue().rstrip().endswith("the last line")
