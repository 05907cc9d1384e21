"""Show what the process does now: a live line on a terminal, plain lines at intervals elsewhere."""

import sys
import threading
import time
from typing import Any

from rich.console import Console, ConsoleRenderable, RenderHook
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from archsearch.activity import BOARD, Board

#: longest silence without a terminal, below ten seconds in all; loading a library can block all
#: threads for some seconds
EVERY_S = 6.0
#: activities that end sooner are not shown on a terminal
_SHOWN_AFTER_S = 0.5
_TICK_S = 0.1


class Heartbeat(RenderHook):
    """Shows the activities of a board; use as a context manager. A nested one does nothing.

    Args:
        console: where to draw.
        board: what is shown.
        every_s: longest silence on a console that is no terminal.
    """

    _running: "Heartbeat | None" = None

    def __init__(
        self, console: Console, board: Board = BOARD, every_s: float | None = None
    ) -> None:
        self._console = console
        self._board = board
        self._every_s = EVERY_S if every_s is None else every_s
        # the interpreter took its time to come here: the first line comes sooner
        self._last = time.monotonic() - self._every_s / 2
        self._live: Live | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="archsearch-heart", daemon=True)

    def __enter__(self) -> "Heartbeat":
        if Heartbeat._running is None:
            Heartbeat._running = self
            self._console.push_render_hook(self)
            self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if Heartbeat._running is not self:
            return
        self._ended.set()
        self._thread.join()
        if self._live is not None:
            self._live.stop()
        # a render hook of a live line, if there was one, is off the stack again
        self._console.pop_render_hook()
        Heartbeat._running = None

    @classmethod
    def silence(cls) -> None:
        """Say nothing more in plain lines: what is printed next is the last line of the process."""
        running = cls._running
        if running is None or running._thread is threading.current_thread():
            return
        running._ended.set()
        # one that is about to speak speaks before
        running._thread.join(timeout=1.0)

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Note that something was printed; rich calls this."""
        self._last = time.monotonic()
        return renderables

    def _beat(self) -> None:
        while not self._ended.wait(_TICK_S):
            if self._console.quiet:
                continue
            if self._console.is_terminal:
                self._begin_live()
            elif time.monotonic() - self._last >= self._every_s:
                self._say()

    def _say(self) -> None:
        self._last = time.monotonic()
        if words := self._board.words():
            self._console.print(words, soft_wrap=True)

    def _begin_live(self) -> None:
        if self._live is not None or not self._is_worth_showing():
            return
        # results on the same terminal must be written above the line; in a pipe or a file they
        # must not be touched
        self._live = Live(
            console=self._console,
            refresh_per_second=4,
            transient=True,
            get_renderable=self._line,
            redirect_stdout=sys.stdout.isatty(),
        )
        self._live.start()

    def _is_worth_showing(self) -> bool:
        found = self._board.activities()
        return bool(found) and found[0].seconds() >= _SHOWN_AFTER_S

    def _line(self) -> Any:
        words = self._board.words()
        shares = [each.share for each in self._board.activities()]
        known = next((share for share in shares if share is not None), None)
        if known is None:
            return Text(words)
        grid = Table.grid(padding=(0, 1))
        grid.add_row(ProgressBar(total=1.0, completed=known, width=24), Text(words))
        return grid
