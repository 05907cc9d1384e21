"""Progress of a running ablation, for its listener."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class AblationStatus:
    """A snapshot of a running ablation.

    Attributes:
        phase: what happens now, in a few words.
        trials: trainings wanted in all.
        trained: trainings that have ended, reused and failed ones included.
        reused: of these, taken from earlier sessions and other studies.
        running: networks in training.
        failed: trainings that failed.
        seed: seed in training; None when nothing is.
        elapsed_s: of this session.
        remaining_s: estimate; None while there is too little to judge by.
    """

    phase: str
    trials: int
    trained: int = 0
    reused: int = 0
    running: int = 0
    failed: int = 0
    seed: int | None = None
    elapsed_s: float = 0.0
    remaining_s: float | None = None

    def words(self) -> str:
        """Return the snapshot in one line, without the remaining time."""
        parts = [f"{self.trained}/{self.trials} trained", f"{self.running} running"]
        if self.reused:
            parts.append(f"{self.reused} reused")
        if self.failed:
            parts.append(f"{self.failed} failed")
        if self.seed is not None:
            parts.append(f"seed {self.seed}")
        return f"{self.phase}: " + ", ".join(parts)


class AblationListener(Protocol):
    """Receives the progress of an ablation."""

    def status(self, status: AblationStatus) -> None:
        """Show a snapshot."""
        ...

    def line(self, text: str) -> None:
        """Print one line."""
        ...


class SilentAblationListener:
    """Ignores all progress."""

    def status(self, status: AblationStatus) -> None:
        """Ignore the snapshot."""

    def line(self, text: str) -> None:
        """Ignore the line."""
