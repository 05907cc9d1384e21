"""What others did with the machine during a measurement."""

import time
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Neighbours:
    """Processor time of others, over a stretch of time.

    Attributes:
        cores: cores that other processes kept busy, on average.
        steal_share: of the time of all cores, what the host of a virtual machine gave to others;
            None where the system does not tell.
    """

    cores: float
    steal_share: float | None


class NeighbourWatch:
    """Counts from its making on what others do; see `seen`."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._own = time.process_time()
        self._times = psutil.cpu_times()

    def seen(self) -> Neighbours | None:
        """Return what others did since; None after less than two ticks of the system's clock."""
        wall = time.perf_counter() - self._began
        if wall < 0.03:
            return None
        before, now = self._times, psutil.cpu_times()
        spent = {name: getattr(now, name) - getattr(before, name) for name in now._fields}
        idle = spent["idle"] + spent.get("iowait", 0.0)
        # a guest's time is in its user's already
        counted = sum(s for name, s in spent.items() if name not in ("guest", "guest_nice"))
        steal = spent.get("steal", 0.0)
        own = time.process_time() - self._own
        return Neighbours(
            cores=max(0.0, (counted - idle - steal - own) / wall),
            steal_share=max(0.0, steal / counted) if counted > 0 and "steal" in spent else None,
        )
