"""Drivers for tests: on an executor that is there, and in this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from archsearch.arch import Arch
from archsearch.cluster import (
    EXECUTORS,
    Driver,
    Executor,
    PoolOptions,
    Trainings,
    TrainingStore,
)
from archsearch.data import DataSplits, load_data
from archsearch.space import load_space


@cache
def few_digits() -> DataSplits:
    return load_data("digits", image_size=16, limit=60)


@cache
def small_archs(count: int) -> list[Arch]:
    """Return different networks for `few_digits`."""
    space = load_space("tiny")
    every = (
        space.arch(params).model_copy(update={"image_size": 16}) for params in space.enumerate()
    )
    return list({arch.digest: arch for arch in every}.values())[:count]


@contextmanager
def driver_of(executor: Executor, folder: Path) -> Iterator[Driver]:
    """Return a driver of ``executor``, with the store of a run in ``folder``."""
    data = few_digits()
    trainings = Trainings(TrainingStore(folder), data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(EXECUTORS, "given", lambda *_: executor)
        with Driver("given", data, PoolOptions(executor.num_workers), trainings) as driver:
            yield driver


def inline_driver(data: DataSplits, folder: Path) -> Driver:
    """Return a driver that trains in this process."""
    return Driver("inline", data, PoolOptions(1), Trainings(TrainingStore(folder), data))
