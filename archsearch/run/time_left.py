"""The time left of a phase: an estimate that counts down between two events."""

import time
from collections.abc import Callable, Hashable


class TimeLeft:
    """Keeps the expected end of a phase between two estimates."""

    def __init__(self) -> None:
        self._seen: Hashable = None
        self._ends_at: float | None = None

    def seconds(self, seen: Hashable, estimate: Callable[[], float | None]) -> float | None:
        """Return the seconds left; None while there is no estimate.

        Args:
            seen: what the estimate is from; a new estimate is made when this changes.
            estimate: seconds from now.
        """
        now = time.monotonic()
        if seen != self._seen or self._ends_at is None:
            left = estimate()
            self._seen, self._ends_at = seen, None if left is None else now + left
        return None if self._ends_at is None else max(0.0, self._ends_at - now)
