"""One signal ends a command, gracefully within some seconds or else by force.

The first SIGTERM or Ctrl-C raises `KeyboardInterrupt` in the main thread. That can get lost: where
it is raised inside a callback of a library, Python only prints it; and cleaning up can hang on a
process that does not answer. So a second thread ends the process when it has not ended in some
seconds. A run's results are on disk at any moment, so force loses nothing.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

import psutil

from archsearch.activity import BOARD

#: seconds that a command has to end by itself
GRACE_S = 6.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """A `KeyboardInterrupt` on its way through click, which would swallow it."""


@dataclass
class Ending:
    """How far the end of an interrupted process has come.

    Attributes:
        is_begun: a signal came.
        is_said: the user was shown how to go on.
    """

    is_begun: bool = False
    is_said: bool = False

    def finish(self) -> None:
        """End the process now if a signal came; what it had open is closed by then.

        To unload the libraries of a process takes seconds on a busy machine.
        """
        if self.is_begun:
            _end_now()


@contextlib.contextmanager
def interruptible(
    say: Callable[[Sequence[str]], None], grace_s: float | None = None
) -> Iterator[Ending]:
    """Let one signal end what is done inside the ``with``, a second one at once.

    Args:
        say: prints how to go on, where the process must be ended by force.
        grace_s: seconds until then; None takes the default.
    """
    ending = Ending()
    grace_s = GRACE_S if grace_s is None else grace_s

    def force() -> None:
        # that takes its time, in which another thread may print what goes on: the last line is ours
        _end_children()
        if not ending.is_said:
            ending.is_said = True
            say(BOARD.how_to_go_on())
        _end_now()

    def handle(number: int, frame: object) -> None:
        if ending.is_begun:
            force()
        ending.is_begun = True
        timer = threading.Timer(grace_s, force)
        timer.daemon = True
        timer.start()
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield ending  # only the main thread gets signals
        return
    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield ending
    finally:
        if not ending.is_begun:
            for number, handler in before.items():
                signal.signal(number, handler)


def _end_now() -> NoReturn:
    """End this process and those that it started: probe, workers."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    _end_children()
    os._exit(130)


def _end_children() -> None:
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                child.kill()
