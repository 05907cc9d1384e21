"""The one way to train networks: a driver over executors, and the store of trainings.

Executors train in the calling process or on Ray actors (`archsearch.cluster.ray_executor`, the home
of ray).
"""

from archsearch.cluster.driver import Driver, Trained
from archsearch.cluster.executor import Executor, PoolOptions, WorkerTime
from archsearch.cluster.executor_registry import EXECUTORS, INLINE
from archsearch.cluster.inline_executor import InlineExecutor
from archsearch.cluster.job import (
    BuildsItself,
    EpochEvent,
    Event,
    FailedEvent,
    FinishedEvent,
    Job,
    Paused,
    StopRule,
    never_stop,
)
from archsearch.cluster.quiet_lock import OtherMachine, Quiet, QuietLock, machine_lock, quiet_or_not
from archsearch.cluster.training_key import TrainingKey
from archsearch.cluster.training_store import Training, Trainings, TrainingStore

__all__ = [
    "EXECUTORS",
    "INLINE",
    "BuildsItself",
    "Driver",
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
    "Trained",
    "Training",
    "TrainingKey",
    "TrainingStore",
    "Trainings",
    "WorkerTime",
    "machine_lock",
    "never_stop",
    "quiet_or_not",
]
