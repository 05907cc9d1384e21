"""The registry of executors, and the only place that starts one."""

from collections.abc import Callable

from archsearch.cluster.executor import Executor, PoolOptions
from archsearch.cluster.inline_executor import InlineExecutor
from archsearch.cluster.job import StopRule
from archsearch.data import DataSplits
from archsearch.errors import RunError

#: starts an executor, and returns it when it can train; raises `RunError` if it cannot start
Start = Callable[[DataSplits, PoolOptions, StopRule], Executor]


def _start_ray(data: DataSplits, options: PoolOptions, stop_rule: StopRule) -> Executor:
    # Ray takes a second to import, and is not there on every platform
    from archsearch.cluster.ray_executor import RayExecutor

    pool = RayExecutor(data, options, stop_rule)
    try:
        pool.wait_ready()
    except BaseException:
        pool.close()
        raise
    return pool


#: name to how it is started; `tests/cluster/test_every_executor.py` tests every one
EXECUTORS: dict[str, Start] = {"inline": InlineExecutor, "ray": _start_ray}

#: the one that needs nothing but the calling process
INLINE = "inline"


def start_executor(
    name: str,
    data: DataSplits,
    options: PoolOptions,
    stop_rule: StopRule,
    say: Callable[[str], None],
) -> Executor:
    """Start an executor of this machine; where it does not start, the calling process trains.

    Args:
        name: a key of `EXECUTORS`.
        data: the data splits.
        options: workers, threads, device, address.
        stop_rule: decides after an epoch whether to stop a network.
        say: prints a line.

    Raises:
        RunError: the cluster that was named cannot be used.
    """
    try:
        return EXECUTORS[name](data, options, stop_rule)
    except RunError as error:
        if name == INLINE or options.address:
            raise
        return take_over(error, data, options, stop_rule, say)


def take_over(
    why: RunError,
    data: DataSplits,
    options: PoolOptions,
    stop_rule: StopRule,
    say: Callable[[str], None],
) -> Executor:
    """Return an executor in the calling process in place of one that failed, and print that."""
    say(f"{why}. Training in this process instead, one network at a time")
    return EXECUTORS[INLINE](data, options, stop_rule)
