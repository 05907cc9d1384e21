"""A cache of the reference network's latency on a quiet machine, shared by the probes of a day.

A probe that starts beside a busy neighbour calibrates its reference there. Every later block would
agree with that calibration, and slow numbers would be called steady. So calibrations are kept for a
day: a calibration slower than the fastest of the day shows that the machine is not quiet.
"""

import contextlib
import time
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from archsearch.cost.reference_network import REFERENCE_VERSION
from archsearch.files import write_json
from archsearch.resources import cache_dir

#: how much slower than the day's fastest a calibration on a quiet machine may be; fresh processes
#: differ by their memory layout
MARGIN = 0.05
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

    def fastest(self, now: float | None = None) -> float | None:
        """Return the fastest calibration of the last day, in milliseconds; None for none."""
        return min((ms for _, ms in self._read(now)), default=None)

    def quiet_ms(self, calibration_ms: float, now: float | None = None) -> float:
        """Add a calibration; return the reference's latency on a quiet machine.

        That is the calibration itself, unless the machine was clearly faster within a day.
        """
        kept = self._read(now)
        self._write([*kept[1 - _MOST :], (time.time() if now is None else now, calibration_ms)])
        fastest = min((ms for _, ms in kept), default=calibration_ms)
        return fastest if calibration_ms > fastest * (1 + MARGIN) else calibration_ms

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
