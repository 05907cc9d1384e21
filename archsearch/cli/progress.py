"""Progress of a search or an ablation: its snapshots in words, among what the process does."""

import contextlib
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from rich.console import Console

from archsearch.ablation import AblationStatus
from archsearch.activity import BOARD, Activity
from archsearch.cli.heartbeat import Heartbeat
from archsearch.percent import percent_text
from archsearch.report.number_format import ms_text
from archsearch.run import SearchStatus


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

    @property
    def remaining_s(self) -> float | None:
        """Seconds left; None where that is not known."""
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
        self._activity = Activity("preparing")
        self._open = contextlib.ExitStack()

    def __enter__(self) -> "LiveProgress[Snapshot]":
        if not self._quiet:
            self._open.enter_context(Heartbeat(self._console))
        self._open.enter_context(BOARD.show(self._activity))
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()

    def status(self, status: Snapshot) -> None:
        """Show a snapshot."""
        self._activity.what = self._describe(status)
        self._activity.bar = (status.trained, status.trials)
        left = status.remaining_s
        # the line counts down until the next snapshot, which a long epoch may delay
        self._activity.ends_at = None if left is None else time.monotonic() + left

    def line(self, text: str) -> None:
        """Print one line."""
        self._console.print(text, soft_wrap=True)


def describe(status: SearchStatus) -> str:
    """Return a snapshot in one line of words."""
    parts = [
        f"{status.trained}/{status.trials} trained"
        if status.trained <= status.trials
        else f"{status.trained} trained ({status.trials} wanted)",
        f"{status.running} running",
        f"{status.pruned} in part",
        f"{status.infeasible} over budget",
    ]
    if status.failed:
        parts.append(f"{status.failed} failed")
    parts.append(f"front {status.front_size}")
    if status.best_accuracy is not None and status.best_latency_ms is not None:
        best = f"{percent_text(status.best_accuracy)} % at {ms_text(status.best_latency_ms)} ms"
        doubt = " (may be over budget)" if status.best_may_be_over else ""
        parts.append(f"best {best}{doubt}")
    return f"{status.phase}: " + ", ".join(parts)


def describe_ablation(status: AblationStatus) -> str:
    """Return a snapshot of an ablation in one line of words."""
    return status.words()
