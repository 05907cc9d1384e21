"""Set up what a run needs around it: workers, the quiet lock of this machine, the log."""

import contextlib
import logging
import sys
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
from archsearch.errors import RunError
from archsearch.machine import own_limits
from archsearch.search.config import Execution

logger = logging.getLogger(__name__)


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
    say: Callable[[str], None] = logger.warning,
) -> Executor:
    """Start what trains candidates, and return it when it can.

    Where Ray cannot be started on this machine, the calling process trains.

    Args:
        execution: what is asked for.
        device: ``cpu`` or ``cuda``.
        data: the data splits.
        quiet: agreement with who measures on this machine.
        stop: decides after an epoch whether to stop a candidate.
        say: shows a line that should stay.

    Raises:
        RunError: the cluster that was named cannot be used.
    """
    options = PoolOptions(
        num_workers=num_workers(execution, device),
        threads=execution.threads_per_worker,
        device=device,
        quiet_folder=str(quiet.folder),
        address=execution.address,
    )
    if execution.executor == "inline":
        return InlineExecutor(data, options, stop)
    workers = f"{options.num_workers} {'worker' if options.num_workers == 1 else 'workers'}"
    say(f"starting {workers}{_why_so_many(execution, device)}")
    pool: RayPool | None = None
    try:
        pool = RayPool(data, options, stop)
        pool.wait_ready()
        return pool
    except RunError as error:
        if pool is not None:
            pool.close()
        if execution.address:
            raise
        say(f"{error}. Training in this process instead, one candidate at a time")
        return InlineExecutor(data, options, stop)
    except BaseException:
        if pool is not None:
            pool.close()
        raise


def _why_so_many(execution: Execution, device: str) -> str:
    """Return what limits the default number of workers, where it is not the machine itself."""
    limits = own_limits()
    if execution.workers is not None or device == "cuda" or "machine" in limits.cores_from:
        return ""
    return f" ({limits.cores:g} {'core' if limits.cores == 1 else 'cores'}: {limits.cores_from})"


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
        return self.opened

    def close(self) -> None:
        """Stop the workers, if there are any."""
        if self.opened is not None:
            self.opened.close()


class _LogFile(logging.FileHandler):
    """A log that loses lines on a full disk, where others print a traceback for each of them.

    The run says itself what is full: its study and its weights lie on the same disk.
    """

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's name
        """Pass over what the file system refuses."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)

    def close(self) -> None:
        """Close the file; what could not be written is lost."""
        with contextlib.suppress(OSError):
            super().close()


@contextlib.contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Write archsearch's log to ``path`` for a while."""
    root = logging.getLogger("archsearch")
    handler = _LogFile(path, encoding="utf-8", errors="backslashreplace")
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
