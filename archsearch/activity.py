"""The current activity of this process, its start and its longest duration, for progress displays.

Code that works or waits for more than a moment announces it with `doing`; the command line
shows it (`archsearch.cli.heartbeat`). As with logging, the code that works holds no reference to
the code that displays.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from archsearch.errors import BudgetUnreachableError, RunError

#: a step of less than this is not worth a line where it is inside another
_BRIEF_S = 1.0


@dataclass(eq=False)
class Activity:
    """One thing that this process does.

    Attributes:
        what: what it does or waits for, as a clause.
        limit_s: seconds after which it ends in any case; None where nothing limits it.
        done: how much of ``total`` is done.
        total: how much there is to do; None where that is not known.
        note: what is known about it now, e.g. who holds what is waited for.
        bar: how far it has come, as done and total, where ``what`` says it in words already.
        ends_at: when it is expected to end, by the monotonic clock; None where that is not known.
        is_frame: it holds others and is shown only where nothing is inside it.
        resume: how to go on after an interruption, as a clause; empty for no more to say.
        began: time of the monotonic clock.
    """

    what: str
    limit_s: float | None = None
    done: int = 0
    total: int | None = None
    note: str = ""
    bar: tuple[int, int] | None = None
    ends_at: float | None = None
    is_frame: bool = False
    resume: str = ""
    began: float = field(default_factory=time.monotonic)

    def seconds(self) -> float:
        """Return how long it has lasted."""
        return time.monotonic() - self.began

    def progress(self, what: str, done: int, total: int) -> None:
        """Say how far a step of it has come."""
        self.note, self.done, self.total = what, done, total

    @property
    def share(self) -> float | None:
        """How much of it is done, 0 to 1; None where that is not known."""
        done, total = self.bar or (self.done, self.total)
        return done / total if total else None

    def words(self, is_innermost: bool = True) -> str:
        """Return it in one clause, with the time left where that is known.

        With a clock where it is limited, or nothing is inside it.
        """
        text = self.what
        if self.total is not None:
            text += f": {self.done} of {self.total}"
        if self.note:
            text += f" ({self.note})"
        if self.limit_s is not None:
            limit = max(self.limit_s, self.seconds())
            return f"{text}, {clock(self.seconds())} of at most {clock(limit)}"
        if self.ends_at is not None and (left := self.ends_at - time.monotonic()) >= 0.5:
            return f"{text}, {clock(left)} left"
        return f"{text}, {clock(self.seconds())} so far" if is_innermost else text

    @property
    def is_brief(self) -> bool:
        """Whether it has only begun, and has nothing more to say than its name."""
        is_plain = self.limit_s is None and self.total is None and not self.note
        return is_plain and self.seconds() < _BRIEF_S


class Board:
    """The activities of a process, the outermost first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: list[Activity] = []

    def activities(self) -> list[Activity]:
        """Return what goes on now."""
        with self._lock:
            return list(self._open)

    def words(self) -> str:
        """Return what goes on now in one line; empty where nothing does.

        Frames are left out where they are not alone, and steps that have only begun inside others:
        a line every few seconds would otherwise name one quick step after the other.
        """
        found = self.activities()
        shown = [each for each in found if not each.is_frame]
        while len(shown) > 1 and shown[-1].is_brief:
            shown.pop()
        found = shown or found[-1:]
        last = len(found) - 1
        return "; ".join(each.words(index == last) for index, each in enumerate(found))

    def how_to_go_on(self) -> list[str]:
        """Return how to go on if the process ended now."""
        return [each.resume for each in self.activities() if each.resume]

    @contextlib.contextmanager
    def show(self, activity: Activity) -> Iterator[Activity]:
        """Show ``activity`` for a while."""
        with self._lock:
            self._open.append(activity)
        try:
            yield activity
        finally:
            with self._lock:
                self._open.remove(activity)


#: of this process
BOARD = Board()


def doing(
    what: str, limit_s: float | None = None, total: int | None = None
) -> contextlib.AbstractContextManager[Activity]:
    """Say what is done inside the ``with``; see `Activity`."""
    return BOARD.show(Activity(what, limit_s, total=total))


def wait_until(
    is_over: Callable[[], bool],
    what: str,
    limit_s: float,
    *,
    note: Callable[[], str] = lambda: "",
    poll_s: float = 0.1,
    patience_s: float = 0.2,
) -> bool:
    """Wait until ``is_over``, and say so; return whether it was within ``limit_s``.

    Args:
        is_over: asked every ``poll_s``.
        what: is waited for.
        limit_s: longest wait.
        note: what is known about the wait, asked every second.
        poll_s: seconds between two looks.
        patience_s: a wait shorter than this is not shown.
    """
    began = time.monotonic()
    if is_over():
        return True
    while time.monotonic() - began < min(patience_s, limit_s):
        time.sleep(min(poll_s, patience_s))
        if is_over():
            return True
    with BOARD.show(Activity(what, limit_s, note=note(), began=began)) as activity:
        asked = time.monotonic()
        while activity.seconds() < limit_s:
            time.sleep(poll_s)
            if is_over():
                return True
            if time.monotonic() - asked >= 1.0:
                activity.note, asked = note(), time.monotonic()
    return False


@contextlib.contextmanager
def resumable(what: str, how: str) -> Iterator[Activity]:
    """Say what is done, and let an interruption or a failure say how to go on.

    Args:
        what: is done, as in `doing`.
        how: a clause, e.g. ``the same command goes on from here: runs/x``.
    """
    with BOARD.show(Activity(what, is_frame=True, resume=how)) as activity:
        try:
            yield activity
        except BudgetUnreachableError:
            raise  # going on would find the same
        except (KeyboardInterrupt, RunError, OSError) as error:
            if how not in getattr(error, "__notes__", []):
                error.add_note(how)
            raise


def clock(seconds: float) -> str:
    """Return seconds as ``1:05`` or ``2:03:04``."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
