"""Start Ray on this machine, or join a cluster."""

import logging
import os
import signal
import threading
from typing import Any

import ray

from archsearch.cluster.executor import PoolOptions
from archsearch.errors import RunError

_MIN_STORE_BYTES = 256 * 2**20


def start_ray(options: PoolOptions, data_bytes: int) -> bool:
    """Start Ray on this machine, or join the cluster at ``options.address``.

    Returns:
        Whether Ray was started or joined now; False where this process had joined before.

    Raises:
        RunError: it did not start.
    """
    if ray.is_initialized():
        return False
    if options.address:
        _init(address=options.address)
    else:
        # workers see the GPUs that this process sees, numbered alike: cuda:1 is the same everywhere
        os.environ.setdefault("RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES", "1")
        _init(
            num_cpus=options.num_workers * options.threads,
            object_store_memory=max(_MIN_STORE_BYTES, 2 * data_bytes),
            include_dashboard=False,
        )
    return True


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
        _init(address=address)


def _init(**arguments: Any) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # workers inherit these: without them an inference faults thousands of pages in and out
    os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", "1000000000")
    os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", "1000000000")
    on_main_thread = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **arguments)
    except Exception as error:
        raise RunError(f"Ray did not start ({error}); try --executor inline") from error
    if on_main_thread and handler is not None:
        # Ray puts its own in place, which prints a stack trace and ends the process
        signal.signal(signal.SIGTERM, handler)
