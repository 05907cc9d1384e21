"""Progress of a running search, for its listener."""

import logging
from dataclasses import dataclass
from typing import Protocol

#: what a listener shows
logger = logging.getLogger("archsearch.run")


@dataclass(frozen=True)
class SearchStatus:
    """A snapshot of a running search.

    Attributes:
        phase: what happens now, in a few words.
        trials: candidates to train in all.
        trained: candidates whose training has ended, pruned and failed ones included.
        running: candidates in training.
        complete: trained to the end.
        pruned: stopped early, or paused.
        infeasible: over a budget, never trained.
        failed: failed.
        front_size: points on the front.
        best_accuracy: of the best of the front (`archsearch.analysis.best`); None before there is
            one.
        best_latency_ms: its latency.
        best_may_be_over: its latency is not known well enough to say that it keeps the budget.
        epochs: epochs trained.
        elapsed_s: of this session.
        remaining_s: estimate; None while there is too little to judge by.
    """

    phase: str
    trials: int
    trained: int = 0
    running: int = 0
    complete: int = 0
    pruned: int = 0
    infeasible: int = 0
    failed: int = 0
    front_size: int = 0
    best_accuracy: float | None = None
    best_latency_ms: float | None = None
    best_may_be_over: bool = False
    epochs: int = 0
    elapsed_s: float = 0.0
    remaining_s: float | None = None


class Listener(Protocol):
    """Receives the progress of a search."""

    def status(self, status: SearchStatus) -> None:
        """Show a snapshot."""
        ...

    def line(self, text: str) -> None:
        """Print one line."""
        ...


class LoggedListener:
    """Passes progress on, and writes every line to the log too.

    Args:
        listener: receives all.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def status(self, status: SearchStatus) -> None:
        """Pass the snapshot on."""
        self._listener.status(status)

    def line(self, text: str) -> None:
        """Log the line, and pass it on."""
        logger.info("%s", text)
        self._listener.line(text)


class SilentListener:
    """Ignores all progress."""

    def status(self, status: SearchStatus) -> None:
        """Ignore the snapshot."""

    def line(self, text: str) -> None:
        """Ignore the line."""
