"""Sends entries to the trackers from its own thread; a tracker that fails never ends a run."""

import contextlib
import json
import logging
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from archsearch.activity import wait_until
from archsearch.files import write_json
from archsearch.tracking.entry import Entry
from archsearch.tracking.registry import SINKS, Sink

logger = logging.getLogger(__name__)

#: what was written, so that a resumed run writes it once
_STATE = "logged.json"
_CLOSE_S = 300.0
_SILENT_S = 5.0


class Tracker:
    """Logs entries; use as a context manager.

    A file in the folder records what each tool has: an entry that is logged again, as all are
    when a run goes on, adds only new points.

    Args:
        folder: of the results.
        names: tools, of `SINKS`.
        warn: gets one line when a tool fails; the tool gets nothing more in this session.
        close_s: longest wait for the tools at the end.
    """

    def __init__(
        self,
        folder: Path,
        names: Sequence[str],
        warn: Callable[[str], None],
        close_s: float = _CLOSE_S,
    ) -> None:
        self._folder = folder
        self._names = list(dict.fromkeys(names))
        self._warn = warn
        self._close_s = close_s
        self._entries: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        self._sinks: dict[str, Sink] = {}
        self._failed: set[str] = set()
        self._state: dict[str, dict[str, dict[str, Any]]] = {}
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "Tracker":
        if self._names:
            self._state = _read(self._folder / _STATE)
            self._thread = threading.Thread(target=self._loop, name="archsearch-log", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._thread is None:
            return
        self._entries.put(None)
        self._thread.join(min(_SILENT_S, self._close_s))
        if self._thread.is_alive() and self._close_s > _SILENT_S:
            names = ", ".join(name for name in self._names if name not in self._failed)
            thread = self._thread
            limit_s = self._close_s - _SILENT_S
            wait_until(lambda: not thread.is_alive(), f"writing the rest to {names}", limit_s)
        if self._thread.is_alive():
            self._warn(
                f"logging did not end within {self._close_s:.0f} s; the same command writes the "
                "rest later"
            )

    def log(self, entry: Entry) -> None:
        """Log an entry soon; return at once."""
        if self._thread is not None:
            self._entries.put(entry)

    # below: the thread

    def _loop(self) -> None:
        while (entry := self._entries.get()) is not None:
            for name in self._names:
                if name not in self._failed:
                    self._guarded(name, partial(self._write, name, entry))
        for name, sink in self._sinks.items():
            if name not in self._failed:
                self._guarded(name, sink.close)

    def _write(self, name: str, entry: Entry) -> None:
        known = self._state.setdefault(name, {}).get(entry.key, {})
        done, digest = int(known.get("step", 0)), entry.digest
        last = max((point.step for point in entry.points), default=0)
        if known.get("digest") == digest and last <= done:
            return
        if name not in self._sinks:
            self._sinks[name] = SINKS[name].open(self._folder, self._folder.resolve().name)
        self._sinks[name].write(entry, done, int(known.get("version", 0)))
        self._state[name][entry.key] = {
            "step": max(done, last),
            "digest": digest,
            "version": int(known.get("version", 0)) + (not entry.is_open),
        }
        write_json(self._folder / _STATE, self._state)

    def _guarded(self, name: str, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:
            self._failed.add(name)
            logger.warning("logging to %s failed", name, exc_info=True)
            text = str(error).strip().splitlines()
            said = text[0][:200] if text else type(error).__name__
            self._warn(
                f"logging to {name} failed ({said}); the run goes on without it, and the same "
                "command logs the rest later"
            )


@contextlib.contextmanager
def open_tracker(
    folder: Path, names: Sequence[str], warn: Callable[[str], None]
) -> Iterator[Tracker]:
    """Yield a tracker; without ``names`` one that logs nothing."""
    with Tracker(folder, names, warn) as tracker:
        yield tracker


def _read(path: Path) -> dict[str, dict[str, dict[str, Any]]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
