"""How long a worker may be silent: a time that follows from what an epoch takes."""

from dataclasses import replace

import pytest

from archsearch.cluster import PoolOptions, ray_executor
from archsearch.cluster.ray_executor import RayExecutor, _Slot


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> RayExecutor:
    """A pool without Ray."""
    pool = object.__new__(RayExecutor)
    pool._options = PoolOptions(2)
    pool._longest_epoch_s = 0.0
    return pool


@pytest.mark.parametrize(
    ("epoch_s", "shown_s", "limit_s"),
    [(0.0, 60.0, 1800.0), (1.0, 60.0, 600.0), (40.0, 160.0, 800.0), (600.0, 2400.0, 12_000.0)],
)
def test_the_limit_follows_from_the_longest_epoch(
    pool: RayExecutor, epoch_s: float, shown_s: float, limit_s: float
) -> None:
    pool._longest_epoch_s = epoch_s
    assert pool._shown_after_s == shown_s
    assert pool._silence_limit_s == limit_s
    pool._options = replace(pool._options, silence_s=90.0)
    assert pool._silence_limit_s == 90.0


@pytest.mark.parametrize("phase", ["loading", "free", "starting", "epoch"])
def test_only_what_trains_is_silent(
    pool: RayExecutor, phase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_executor.time, "perf_counter", lambda: 100.0)
    slot = _Slot(None, None, phase=phase, since=30.0)
    assert pool._silent_s(slot) == (70.0 if phase in ("starting", "epoch") else 0.0)
