"""A training that is paused and goes on elsewhere ends as one that never rested."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load

from archsearch.cluster import (
    EpochEvent,
    Executor,
    FailedEvent,
    FinishedEvent,
    InlineExecutor,
    Job,
    Paused,
    PoolOptions,
)
from archsearch.cluster.ray_pool import RayPool
from archsearch.data import DataSplits, load_data
from archsearch.space import load_space
from archsearch.train import Recipe

RECIPE = Recipe(epochs=3, batch_size=50, warmup_epochs=0.5, drop_path=0.1, ema_decay=0.9)


@pytest.fixture(scope="module")
def digits() -> DataSplits:
    return load_data("digits", image_size=16, limit=300)


@contextmanager
def executor(kind: str, data: DataSplits, folder: Path) -> Iterator[Executor]:
    options = PoolOptions(num_workers=1, quiet_folder=str(folder / "quiet"))
    opened = InlineExecutor(data, options) if kind == "inline" else RayPool(data, options)
    try:
        yield opened
    finally:
        opened.close()


def trained(opened: Executor, job: Job) -> tuple[FinishedEvent, list[int]]:
    """Train one job; return its end and the epochs that were reported."""
    opened.submit(job)
    epochs = []
    while not isinstance(event := opened.next_event(0.5), FinishedEvent):
        assert not isinstance(event, FailedEvent), event
        if isinstance(event, EpochEvent):
            epochs.append(event.metrics.epoch)
    return event, epochs


@pytest.mark.parametrize("kind", ["inline", pytest.param("ray", marks=pytest.mark.slow)])
def test_a_paused_training_ends_as_an_uninterrupted_one(
    digits: DataSplits, tmp_path: Path, kind: str
) -> None:
    space = load_space("tiny")
    arch = space.arch(space.sample(np.random.default_rng(0)))
    arch = arch.model_copy(update={"image_size": 16, "in_channels": 1, "num_classes": 10})
    with executor(kind, digits, tmp_path) as opened:
        whole, epochs = trained(opened, Job(0, arch, RECIPE, seed=1))
        assert epochs == [1, 2, 3]
        assert not whole.is_paused
        expected = load(whole.saved())

        first, epochs = trained(opened, Job(1, arch, RECIPE, seed=1, until=1))
        assert epochs == [1]
        assert first.is_paused
        state = first.saved()
        # another candidate has the worker meanwhile
        trained(opened, Job(2, arch, RECIPE, seed=2, until=1))
        second, epochs = trained(
            opened, Job(3, arch, RECIPE, seed=1, until=2, paused=Paused(first.curve, state))
        )
        assert epochs == [2]
        state = second.saved()
    # and a worker of another session brings it to its end
    with executor(kind, digits, tmp_path) as opened:
        last, epochs = trained(
            opened, Job(4, arch, RECIPE, seed=1, until=3, paused=Paused(second.curve, state))
        )
        assert epochs == [3]
        assert not last.is_paused
        found = load(last.saved())
    assert [(m.epoch, m.accuracy, m.train_loss) for m in last.curve] == [
        (m.epoch, m.accuracy, m.train_loss) for m in whole.curve
    ]
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].equal(value), name
