"""Files of each trial, made on request: nothing is stored."""

import io
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, BinaryIO

from archsearch.arch import Arch
from archsearch.errors import ArchsearchError
from archsearch.export import Origin, python_text, yaml_text
from archsearch.percent import percent_text
from archsearch.record import RunRecord
from archsearch.report.figures.drawing import FONT, FRONT, LINE, TEXT

#: kind of file to its name's ending and its type
KINDS = {
    "a": (".yaml", "text/plain"),
    "b": ("_curve.svg", "image/svg+xml"),
    "c": (".py", "text/x-python"),
}
_PREFIX = "artifacts:"


def file_entries(number: int, record: Mapping[str, Any], *, ended: bool) -> dict[str, str]:
    """Return the system attributes that list the files of a trial.

    The Python file takes seconds of a core to make and to check, which would disturb a search
    that measures latency on the same machine: it is offered once the run has ended.

    Args:
        number: of the trial.
        record: its `TrialRecord` as plain data.
        ended: the run is not at work.
    """
    kinds = ["a", *("b" if len(record.get("curve", ())) > 1 else ""), *("c" if ended else "")]
    entries = {}
    for kind in kinds:
        ending, mimetype = KINDS[kind]
        # ids may hold hexadecimal digits only
        key = f"{kind}-{number:x}"
        meta = {
            "artifact_id": key,
            "filename": f"trial_{number}{ending}",
            "mimetype": mimetype,
            "encoding": None,
        }
        entries[_PREFIX + key] = json.dumps(meta)
    return entries


class TrialFiles:
    """Makes the files that `file_entries` lists; an artifact store for the dashboard.

    Args:
        record_of: trial number to its `TrialRecord` as plain data.
        run_of: returns the run, for the comments in the files.
    """

    def __init__(
        self, record_of: Callable[[int], Mapping[str, Any]], run_of: Callable[[], RunRecord]
    ) -> None:
        self._record_of = record_of
        self._run_of = run_of
        self._made: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """Return a file, made when it is first asked for."""
        with self._lock:  # one at a time: a check takes a core
            if artifact_id not in self._made:
                kind, _, number = artifact_id.partition("-")
                self._made[artifact_id] = self._make(kind, int(number, 16)).encode()
            return io.BytesIO(self._made[artifact_id])

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Refuse: the files are made, not stored."""
        raise PermissionError("files of trials cannot be replaced")

    def remove(self, artifact_id: str) -> None:
        """Refuse: the files are made, not stored."""
        raise PermissionError("files of trials cannot be removed")

    def _make(self, kind: str, number: int) -> str:
        record = self._record_of(number)
        arch = Arch.model_validate(record["arch"])
        if kind == "b":
            return curve_svg([epoch["accuracy"] for epoch in record["curve"]])
        run = self._run_of()
        trial = next((each for each in run.trials if each.number == number), None)
        origin = Origin(run, trial)
        if kind == "a":
            return yaml_text(arch, origin)
        try:
            return python_text(arch, origin, "python", "model")
        except ArchsearchError as error:
            return f"# this network could not be exported: {error}\n"


def curve_svg(accuracy: Sequence[float], width: int = 480, height: int = 260) -> str:
    """Draw validation accuracy (0 to 1) after each of at least two epochs."""
    left, right, top, bottom = 52, width - 14, 16, height - 38
    low, high = min(accuracy), max(accuracy)
    span = (high - low) or 0.01
    xs = [left + (right - left) * i / (len(accuracy) - 1) for i in range(len(accuracy))]
    ys = [bottom - (bottom - top) * (value - low) / span for value in accuracy]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in zip(xs, ys, strict=True)
    )
    words = (
        f"Validation accuracy from {percent_text(accuracy[0])} % to "
        f"{percent_text(accuracy[-1])} % in {len(accuracy)} epochs"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" font-family="{escape(FONT, quote=True)}" '
        f'font-size="12"><title>{escape(words)}</title>'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
        f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="{LINE}"/>'
        f'<g fill="{TEXT}"><text x="{left - 8}" y="{top + 4}" text-anchor="end">'
        f'{percent_text(high)} %</text><text x="{left - 8}" y="{bottom}" text-anchor="end">'
        f'{percent_text(low)} %</text><text x="{left}" y="{bottom + 18}" text-anchor="middle">1'
        f'</text><text x="{right}" y="{bottom + 18}" text-anchor="end">{len(accuracy)}</text>'
        f'<text x="{(left + right) / 2}" y="{height - 6}" text-anchor="middle">epoch</text></g>'
        f'<polyline points="{points}" fill="none" stroke="{FRONT}" stroke-width="2"/>'
        f'<g fill="{FRONT}">{dots}</g></svg>'
    )
