"""What the reference network took lately, shared by the probes of a day.

A probe that starts beside a busy neighbour times its reference there, and on a machine that shares
its caches with others the reference is not the same from minute to minute. So its latency on a
quiet machine is taken from all that was seen within a day.
"""

import contextlib
import time
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from archsearch.cost.latency_interval import percentile
from archsearch.cost.reference_network import REFERENCE_VERSION
from archsearch.files import write_json
from archsearch.resources import cache_dir

_QUIET_PERCENT = 25
_DAY_S = 24 * 3600.0
_MOST = 256

_Kept = TypeAdapter(list[tuple[float, float]])


class ReferenceCache:
    """Calibrations of one environment and number of threads.

    A cache that cannot be read or written acts as empty, and raises nothing.

    Args:
        environment: fingerprint of the environment.
        threads: of the reference network.
        folder: where calibrations are kept; None takes the user's cache.
    """

    def __init__(self, environment: str, threads: int, folder: Path | None = None) -> None:
        kept = folder if folder is not None else cache_dir() / "latency"
        self._path = kept / f"reference{REFERENCE_VERSION}-{environment}-t{threads}.json"

    def add(self, ms: float, now: float | None = None) -> None:
        """Keep what the reference took, in milliseconds."""
        kept = self._read(now)[1 - _MOST :]
        self._write([*kept, (time.time() if now is None else now, ms)])

    def quiet_ms(self, now: float | None = None) -> float | None:
        """Return the reference's latency on a quiet machine, in milliseconds; None for no day.

        That is the lower quartile of the day: one value for all processes, which one that started
        beside a busy neighbour moves little.
        """
        kept = [ms for _, ms in self._read(now)]
        return percentile(kept, _QUIET_PERCENT) if kept else None

    def _read(self, now: float | None) -> list[tuple[float, float]]:
        now = time.time() if now is None else now
        try:
            kept = _Kept.validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            return []
        return [(at, ms) for at, ms in kept if 0 <= now - at <= _DAY_S and ms > 0]

    def _write(self, kept: list[tuple[float, float]]) -> None:
        with contextlib.suppress(OSError):
            write_json(self._path, kept)
