"""Set up what a run needs around it: workers, the quiet lock of this machine, the log."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from archsearch.cluster import (
    Executor,
    InlineExecutor,
    PoolOptions,
    QuietLock,
    StopRule,
    never_stop,
)
from archsearch.cluster.ray_pool import RayPool
from archsearch.cost.device import is_cuda
from archsearch.data import DataSplits
from archsearch.machine import own_limits
from archsearch.search.config import Execution


def num_workers(execution: Execution, device: str) -> int:
    """Return how many candidates train at a time: by default one per core, or one on a GPU."""
    if execution.executor == "inline":
        return 1
    if execution.workers is not None:
        return execution.workers
    if is_cuda(device):
        return 1
    return own_limits().workers(execution.threads_per_worker)


def open_executor(
    execution: Execution,
    device: str,
    data: DataSplits,
    quiet: QuietLock,
    stop: StopRule = never_stop,
) -> Executor:
    """Start what trains candidates."""
    options = PoolOptions(
        num_workers=num_workers(execution, device),
        threads=execution.threads_per_worker,
        device=device,
        quiet_folder=str(quiet.folder),
        address=execution.address,
    )
    if execution.executor == "inline":
        return InlineExecutor(data, options, stop)
    return RayPool(data, options, stop)


class Workers:
    """The executor of a session, started when the first training needs it.

    Args:
        open: starts it.
    """

    def __init__(self, open: Callable[[], Executor]) -> None:
        self._open = open
        self.opened: Executor | None = None

    def executor(self) -> Executor:
        """Return the executor, its workers ready."""
        if self.opened is None:
            self.opened = self._open()
            if isinstance(self.opened, RayPool):
                self.opened.wait_ready()
        return self.opened

    def close(self) -> None:
        """Stop the workers, if there are any."""
        if self.opened is not None:
            self.opened.close()


@contextlib.contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Write archsearch's log to ``path`` for a while."""
    root = logging.getLogger("archsearch")
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        handler.close()
