"""Live progress of a search: an updating line on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from archsearch.ablation import AblationStatus
from archsearch.percent import percent_text
from archsearch.report.units import ms_text
from archsearch.search import SearchStatus

_PLAIN_EVERY_S = 15.0


class Progress(Protocol):
    """A snapshot that can be drawn as a bar."""

    @property
    def trials(self) -> int:
        """Trainings wanted in all."""
        ...

    @property
    def trained(self) -> int:
        """Trainings that have ended."""
        ...


Snapshot = TypeVar("Snapshot", bound=Progress)


class LiveProgress(Generic[Snapshot]):
    """Shows snapshots; use as a context manager.

    Args:
        console: where to draw.
        describe: a snapshot in one line of words.
        quiet: show lines that should stay, but no progress.
    """

    def __init__(
        self, console: Console, describe: Callable[[Snapshot], str], quiet: bool = False
    ) -> None:
        self._console = console
        self._describe = describe
        self._quiet = quiet
        self._live: Live | None = None
        self._last = 0.0

    def __enter__(self) -> "LiveProgress[Snapshot]":
        if self._console.is_terminal and not self._quiet:
            self._live = Live(console=self._console, refresh_per_second=8, transient=True)
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def status(self, status: Snapshot) -> None:
        """Show a snapshot."""
        if self._live is not None:
            self._live.update(_bar(status, self._describe(status)))
        elif not self._quiet and time.monotonic() - self._last >= _PLAIN_EVERY_S:
            self._last = time.monotonic()
            self._console.print(self._describe(status), soft_wrap=True)

    def line(self, text: str) -> None:
        """Show one line that should stay."""
        self._console.print(text, soft_wrap=True)


def describe(status: SearchStatus) -> str:
    """Return a snapshot in one line of words."""
    parts = [
        f"{status.trained}/{status.trials} trained",
        f"{status.running} running",
        f"{status.pruned} pruned",
        f"{status.infeasible} over budget",
    ]
    if status.failed:
        parts.append(f"{status.failed} failed")
    parts.append(f"front {status.front_size}")
    if status.best_accuracy is not None and status.best_latency_ms is not None:
        best = f"{percent_text(status.best_accuracy)} % at {ms_text(status.best_latency_ms)} ms"
        parts.append(f"best {best}")
    if status.remaining_s is not None:
        parts.append(f"{clock(status.remaining_s)} left")
    return f"{status.phase}: " + ", ".join(parts)


def describe_ablation(status: AblationStatus) -> str:
    """Return a snapshot of an ablation in one line of words."""
    left = "" if status.remaining_s is None else f", {clock(status.remaining_s)} left"
    return status.words() + left


def clock(seconds: float) -> str:
    """Return seconds as ``1:05`` or ``2:03:04``."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _bar(status: Progress, words: str) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_row(
        ProgressBar(total=max(1, status.trials), completed=status.trained, width=24),
        Text(words),
    )
    return grid
