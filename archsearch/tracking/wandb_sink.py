"""Weights & Biases: one run for each entry, grouped by the name of the results."""

import contextlib
import hashlib
import os
from pathlib import Path
from typing import Any

import wandb

from archsearch.tracking.entry import Entry

PROJECT = "archsearch"


class WandbSink:
    """Writes below ``wandb/`` in the folder; offline unless the user is logged in or says so.

    ``WANDB_MODE``, ``WANDB_PROJECT`` and the rest of its variables mean what they always do;
    ``wandb sync`` sends what was written offline.
    """

    def __init__(self, folder: Path, group: str) -> None:
        self._folder = folder
        self._group = group
        self._runs: dict[str, Any] = {}

    def write(self, entry: Entry, done: int, version: int) -> None:
        """Write an entry; see `Sink`."""
        run = self._runs.get(entry.key)
        if run is None:
            run = self._runs[entry.key] = self._open(entry)
        for point in entry.points:
            if point.step > done:
                run.log(dict(point.values), step=point.step)
        if entry.is_open:
            return
        run.summary.update(dict(entry.results))
        if entry.table is not None:
            rows = [list(row) for row in entry.table.rows]
            run.log({"table": wandb.Table(columns=list(entry.table.columns), data=rows)})
        for path in entry.files:
            if path.suffix == ".html":
                run.log({path.stem: wandb.Html(path.read_text(encoding="utf-8"), inject=False)})
            else:
                run.save(str(path), base_path=str(path.parent), policy="now")
        self._runs.pop(entry.key).finish(exit_code=int(entry.has_failed))

    def close(self) -> None:
        """Write what is still in memory."""
        for run in self._runs.values():
            run.finish()
        with contextlib.suppress(Exception):
            wandb.teardown()

    def _open(self, entry: Entry) -> Any:
        place = f"{self._folder.resolve()}\n{entry.key}"
        return wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            group=self._group,
            name=f"{self._group}/{entry.key}",
            # the same entry is the same run, in whichever session it is written
            id=hashlib.sha256(place.encode()).hexdigest()[:16],
            resume="allow",
            reinit="create_new",
            job_type=entry.key.partition("-")[0],
            dir=str(self._folder),
            mode=_mode(),
            config=dict(entry.config),
            settings=wandb.Settings(
                silent=True,
                console="off",
                disable_git=True,
                save_code=False,
                init_timeout=20,
                x_disable_stats=True,
            ),
        )


def _mode() -> Any:
    """Return the user's own mode; otherwise offline unless the user is logged in."""
    named = os.environ.get("WANDB_MODE")
    if named:
        return named
    with contextlib.suppress(Exception):
        if wandb.api.api_key:
            return "online"
    return "offline"
