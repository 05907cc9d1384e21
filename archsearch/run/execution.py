"""Sets up the execution of a run: workers, the quiet lock of this machine, the log."""

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from archsearch.cluster import (
    INLINE,
    Driver,
    PoolOptions,
    QuietLock,
    StopRule,
    Trainings,
    TrainingStore,
    never_stop,
)
from archsearch.cost.device import is_cuda
from archsearch.data import DataSplits
from archsearch.files import os_sentence
from archsearch.machine import own_limits
from archsearch.run.execution_options import Execution

logger = logging.getLogger(__name__)


def num_workers(execution: Execution, device: str) -> int:
    """Return how many candidates train at a time: by default one per core, or one on a GPU."""
    if execution.executor == INLINE:
        return 1
    if execution.workers is not None:
        return execution.workers
    if is_cuda(device):
        return 1
    return own_limits().workers(execution.threads_per_worker)


def open_driver(
    execution: Execution,
    device: str,
    data: DataSplits,
    quiet: QuietLock,
    store: TrainingStore,
    stop: StopRule = never_stop,
    say: Callable[[str], None] = logger.warning,
) -> Driver:
    """Return what trains the networks of a session; it starts when the first is to be trained.

    Args:
        execution: what is asked for.
        device: ``cpu`` or ``cuda``.
        data: the data splits.
        quiet: keeps training and measurements of this machine apart.
        store: keeps finished trainings.
        stop: decides after an epoch whether to stop a network.
        say: prints a line.
    """
    options = PoolOptions(
        num_workers=num_workers(execution, device),
        threads=execution.threads_per_worker,
        device=device,
        quiet_folder=str(quiet.folder),
        address=execution.address,
        silence_s=execution.worker_timeout_s,
        gpus=execution.gpus_per_trial,
    )
    starting = ""
    if execution.executor != INLINE:
        workers = f"{options.num_workers} {'worker' if options.num_workers == 1 else 'workers'}"
        starting = f"starting {workers}{_why_so_many(execution, device)}"
    trainings = Trainings(store, data)
    return Driver(execution.executor, data, options, trainings, stop, say, starting)


def _why_so_many(execution: Execution, device: str) -> str:
    """Return what limits the default number of workers, where it is not the machine itself."""
    limits = own_limits()
    if execution.workers is not None or device == "cuda" or "machine" in limits.cores_from:
        return ""
    return f" ({limits.cores:g} {'core' if limits.cores == 1 else 'cores'}: {limits.cores_from})"


class _LogFile(logging.FileHandler):
    """A log that loses lines on a full disk, where others print a traceback for each of them.

    The run itself reports the full disk: its study and its weights lie there too.
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
    try:
        handler = _LogFile(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        logger.warning("this session has no log: %s", os_sentence(error))
        yield
        return
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
