"""Start Ray on this machine, or join a cluster."""

import contextlib
import logging
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil
import ray
from ray.job_config import JobConfig

import archsearch
from archsearch.activity import wait_until
from archsearch.cluster.executor import PoolOptions
from archsearch.errors import RunError
from archsearch.machine import MachineLimits, own_limits

logger = logging.getLogger(__name__)

_MIN_STORE_BYTES = 256 * 2**20
#: the smallest object store that Ray takes
_LEAST_STORE_BYTES = 80 * 2**20
#: longest start; on a machine that is twice overcommitted it took 20 to 60 seconds. Ray itself
#: gives its node 30 seconds, so a slow start takes a second try
_START_LIMIT_S = 300.0
_TRIES = 2
_STOP_LIMIT_S = 10.0


def start_ray(options: PoolOptions, data_bytes: int, limit_s: float = _START_LIMIT_S) -> bool:
    """Start Ray on this machine, or join the cluster at ``options.address``.

    Returns:
        Whether Ray was started or joined now; False where this process had joined before.

    Raises:
        RunError: it did not start.
    """
    if ray.is_initialized():
        return False
    if options.address:
        _init(f"joining the Ray cluster {options.address}", limit_s, address=options.address)
        return True
    # workers see the GPUs that this process sees, numbered alike: cuda:1 is the same everywhere
    os.environ.setdefault("RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES", "1")
    arguments = {
        "num_cpus": options.num_workers * options.threads,
        "include_dashboard": False,
        **store_arguments(data_bytes, own_limits()),
    }
    for attempt in range(1, _TRIES + 1):
        known = _children()
        try:
            _init("starting Ray", limit_s, **arguments)
            return True
        except RunError as error:
            logger.warning("Ray, attempt %d of %d: %s", attempt, _TRIES, error)
            stop_ray()
            _end(_children() - known)
            if attempt == _TRIES:
                raise
    raise AssertionError("the loop returns or raises")


def store_arguments(data_bytes: int, limits: MachineLimits) -> dict[str, Any]:
    """Return how large Ray's object store is, where it is, and how much memory workers get.

    The store holds the data twice at most, and stays below half of the memory. Where shared memory
    is smaller, as in containers, it lies in the folder for temporary files.
    """
    wanted = max(_MIN_STORE_BYTES, 2 * data_bytes)
    size = max(_LEAST_STORE_BYTES, min(wanted, limits.memory_bytes // 2))
    found: dict[str, Any] = {
        "object_store_memory": size,
        # Ray's own default refuses to start where little memory is free at the moment
        "_memory": max(1, limits.memory_bytes - size),
    }
    shared = limits.shared_memory_bytes
    if shared is not None and shared < size:
        found["_plasma_directory"] = tempfile.gettempdir()
    return found


def worker_device(device: str, is_own_ray: bool) -> str:
    """Return the device by the number that it has in a worker.

    Args:
        device: ``cpu``, ``cuda`` or ``cuda:N``, as this process numbers them.
        is_own_ray: Ray was started here, by `start_ray`. In a Ray of somebody else each worker
            sees only the GPU that Ray gave it, as ``cuda:0``.
    """
    return device if is_own_ray else device.partition(":")[0]


def join_cluster(address: str) -> None:
    """Join the cluster at ``address``, unless this process has joined one.

    Raises:
        RunError: it cannot be joined.
    """
    if not ray.is_initialized():
        _init(f"joining the Ray cluster {address}", _START_LIMIT_S, address=address)


def own_raylet() -> psutil.Process | None:
    """Return the raylet that this process has started: Ray's process on this node."""
    children = psutil.Process().children(recursive=True)
    return next((each for each in children if each.name() == "raylet"), None)


def has_ended(process: psutil.Process | None) -> bool:
    """Return whether a process has ended; an unknown one has not."""
    if process is None:
        return False
    try:
        return process.status() == psutil.STATUS_ZOMBIE or not process.is_running()
    except psutil.NoSuchProcess:
        return True


def stop_ray() -> None:
    """Stop Ray; Ray's own reaper ends what hangs."""
    _in_background(ray.shutdown, "stopping Ray", _STOP_LIMIT_S)


class _OwnFolder(list[str]):
    """The folders that Ray puts in front of the workers' module path: that of archsearch alone.

    Ray would add the working directory, and a ``random.py`` there would shadow the standard
    library.
    """

    def __init__(self) -> None:
        super().__init__([str(Path(archsearch.__file__).parent.parent)])

    def extend(self, folders: Iterable[str]) -> None:
        """Add nothing."""


def _init(what: str, limit_s: float, **arguments: Any) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray's own default is 15: beside a neighbour on every core a worker then gets 3 % of one
    os.environ.setdefault("RAY_worker_niceness", "0")
    # a worker that is slow to come up on a busy machine is not dead
    os.environ.setdefault("RAY_worker_register_timeout_seconds", str(int(limit_s)))
    # workers inherit these: without them an inference faults thousands of pages in and out
    os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", "1000000000")
    os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", "1000000000")
    given_up = threading.Event()
    on_main_thread = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGTERM)

    def init() -> None:
        ray.init(
            log_to_driver=False,
            logging_level=logging.ERROR,
            job_config=JobConfig(_py_driver_sys_path=_OwnFolder()),
            **arguments,
        )
        if given_up.is_set():
            ray.shutdown()

    # not in the main thread: there Ray's code in C++ would keep a signal waiting for as long as
    # it waits itself
    try:
        with _safe_path():
            is_over = _in_background(init, what, limit_s)
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        raise RunError(f"Ray did not start ({said}); try --executor inline") from error
    except BaseException:
        given_up.set()
        raise
    if not is_over:
        given_up.set()
        raise RunError(f"Ray did not start within {limit_s:.0f} s; try --executor inline")
    if on_main_thread and handler is not None:
        # Ray's library in C++ puts its own in place, which prints a stack trace
        signal.signal(signal.SIGTERM, handler)


@contextlib.contextmanager
def _safe_path() -> Iterator[None]:
    """Let Ray's processes find no modules beside a script or in the working directory.

    For them alone: a script that the caller starts later finds its neighbours.
    """
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("PYTHONSAFEPATH", None)
        else:
            os.environ["PYTHONSAFEPATH"] = before


def _in_background(action: Callable[[], None], what: str, limit_s: float) -> bool:
    """Run ``action`` in a thread of its own; return whether it ended within ``limit_s``.

    Raises:
        Exception: what it raised.
    """
    failed: list[Exception] = []
    ended = threading.Event()

    def run() -> None:
        try:
            action()
        except Exception as error:
            failed.append(error)
        ended.set()
        # the kernel ends Ray's processes with the thread that started them, not with the process
        while not failed and ray.is_initialized():
            time.sleep(1.0)

    threading.Thread(target=run, name="archsearch-ray", daemon=True).start()
    is_over = wait_until(ended.is_set, what, limit_s)
    if failed:
        raise failed[0]
    return is_over


def _children() -> set[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return set(psutil.Process().children(recursive=True))
    return set()


def _end(processes: set[psutil.Process]) -> None:
    """Clean up after a failed start."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
