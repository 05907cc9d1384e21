"""Executors: in-process, and Ray actors (`archsearch.cluster.ray_pool`, the home of ray)."""

from archsearch.cluster.executor import Executor, PoolOptions, WorkerTime
from archsearch.cluster.inline import InlineExecutor
from archsearch.cluster.job import (
    EpochEvent,
    Event,
    FailedEvent,
    FinishedEvent,
    Job,
    Paused,
    StopRule,
    never_stop,
)
from archsearch.cluster.quiet import OtherMachine, Quiet, QuietLock, machine_lock, quiet_or_not

__all__ = [
    "EpochEvent",
    "Event",
    "Executor",
    "FailedEvent",
    "FinishedEvent",
    "InlineExecutor",
    "Job",
    "OtherMachine",
    "Paused",
    "PoolOptions",
    "Quiet",
    "QuietLock",
    "StopRule",
    "WorkerTime",
    "machine_lock",
    "never_stop",
    "quiet_or_not",
]
