"""What a process says it does: words, clocks, limits, and how an interruption goes on."""

import threading
import time

import pytest

from archsearch.activity import BOARD, Activity, Board, clock, resumable, wait_until
from archsearch.errors import BudgetUnreachableError, InputError, ProbeError, Problem, RunError


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (65, "1:05"), (7384, "2:03:04")]
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_words_name_what_how_far_and_until_when() -> None:
    began = time.monotonic() - 65
    assert Activity("reading", began=began).words() == "reading, 1:05 so far"
    limited = Activity("building", 120, 3, 12, "held by process 1", began=began)
    assert limited.words() == "building: 3 of 12 (held by process 1), 1:05 of at most 2:00"
    # what takes longer than it should says so by its own time, not against a smaller limit
    assert Activity("waiting", 60, began=began).words() == "waiting, 1:05 of at most 1:05"


def test_a_time_left_counts_down_without_news() -> None:
    activity = Activity("training", ends_at=time.monotonic() + 60.2)
    assert activity.words() == "training, 1:00 left"
    activity.ends_at -= 30
    assert activity.words(is_innermost=False) == "training, 0:30 left"
    activity.ends_at -= 40
    assert activity.words() == "training, 0:00 so far"


def test_a_quick_step_inside_another_is_not_named() -> None:
    board = Board()
    with board.show(Activity("preparing")), board.show(Activity("run", is_frame=True)):
        assert board.words() == "preparing, 0:00 so far"
        step = Activity("counting multiply-adds")
        with board.show(step):
            assert board.words() == "preparing, 0:00 so far"
            step.began -= 2
            assert board.words() == "preparing; counting multiply-adds, 0:02 so far"


def test_a_board_shows_what_is_inside_and_hides_frames() -> None:
    board = Board()
    assert board.words() == ""
    with board.show(Activity("run", is_frame=True)):
        assert board.words() == "run, 0:00 so far"
        with board.show(Activity("searching")), board.show(Activity("waiting", 10)):
            assert board.words() == "searching; waiting, 0:00 of at most 0:10"
    assert board.words() == ""


def test_a_wait_ends_when_it_is_over_or_at_its_limit() -> None:
    over = threading.Event()
    threading.Timer(0.1, over.set).start()
    assert wait_until(over.is_set, "for a thread", 10, poll_s=0.01)
    began = time.monotonic()
    assert not wait_until(lambda: False, "for nothing", 0.3, poll_s=0.01)
    assert 0.25 < time.monotonic() - began < 2


def test_a_wait_is_shown_with_what_is_known_about_it() -> None:
    seen: list[str] = []

    def is_over() -> bool:
        seen.append(BOARD.words())
        return len(seen) > 60

    wait_until(is_over, "waiting", 10, note=lambda: "held by me", poll_s=0.01, patience_s=0.05)
    assert any("waiting (held by me), 0:00 of at most 0:10" in text for text in seen)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, RunError, ProbeError])
def test_what_can_go_on_says_how(kind: type[BaseException]) -> None:
    with pytest.raises(kind) as caught, resumable("a", "again: x"), resumable("b", "again: x"):
        raise kind()
    assert caught.value.__notes__ == ["again: x"]


@pytest.mark.parametrize("error", [BudgetUnreachableError("no"), InputError(Problem("a", "b"))])
def test_what_would_fail_again_does_not(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, resumable("a", "again: x"):
        raise error
    assert not hasattr(caught.value, "__notes__")
