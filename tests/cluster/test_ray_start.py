"""Ray's start: what it gets of the machine, slow and failing starts, and what takes over."""

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray

from archsearch.activity import BOARD
from archsearch.cluster import InlineExecutor, PoolOptions, never_stop, ray_executor, ray_start
from archsearch.cluster.executor_registry import start_executor
from archsearch.cluster.ray_executor import RayExecutor
from archsearch.cluster.ray_start import start_ray, store_arguments
from archsearch.errors import RunError
from archsearch.machine import MachineLimits
from tests.cluster.drivers import few_digits

MIB = 2**20


def limits(memory: int, shared: int | None) -> MachineLimits:
    return MachineLimits(1.0, "affinity", memory, "group", shared, "/dev/shm")


@pytest.mark.parametrize(
    ("data", "memory", "shared", "size", "is_elsewhere"),
    [
        (0, 16 << 30, 8 << 30, 256 * MIB, False),
        (200 * MIB, 16 << 30, 8 << 30, 400 * MIB, False),
        (0, 16 << 30, 64 * MIB, 256 * MIB, True),
        (8 << 30, 64 << 30, 1 << 30, 16 << 30, True),
        (0, 256 * MIB, 8 << 30, 128 * MIB, False),
        (8 << 30, 512 * MIB, 64 * MIB, 256 * MIB, True),
        (0, 100 * MIB, 64 * MIB, 80 * MIB, True),
        (0, 16 << 30, None, 256 * MIB, False),
    ],
)
def test_the_object_store_fits_into_memory_and_shared_memory(
    data: int, memory: int, shared: int | None, size: int, is_elsewhere: bool
) -> None:
    found = store_arguments(data, limits(memory, shared))
    assert found["object_store_memory"] == size
    assert ("_plasma_directory" in found) == is_elsewhere
    assert found["_memory"] == max(1, memory - size)


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Let Ray's start be what a test says; return the arguments it is called with."""
    called: list[dict[str, Any]] = []
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    return called


def options(address: str = "") -> SimpleNamespace:
    return SimpleNamespace(num_workers=2, threads=1, address=address)


def test_a_slow_start_is_waited_for_and_shown(
    starts: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def slow(**arguments: Any) -> None:
        starts.append(arguments)
        for _ in range(8):
            time.sleep(0.1)
            seen.append(BOARD.words())

    monkeypatch.setattr(ray, "init", slow)
    assert start_ray(options(), 0)  # type: ignore[arg-type]
    assert len(starts) == 1
    assert any("starting Ray, 0:00 of at most 5:00" in text for text in seen)


def test_a_start_that_fails_once_is_tried_again(
    starts: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def once(**arguments: Any) -> None:
        starts.append(arguments)
        if len(starts) == 1:
            raise RuntimeError("The current node timed out during startup.")

    monkeypatch.setattr(ray, "init", once)
    assert start_ray(options(), 0)  # type: ignore[arg-type]
    assert len(starts) == 2


@pytest.mark.parametrize("kind", ["hangs", "fails"])
def test_a_start_that_does_not_end_is_given_up(
    kind: str, starts: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def bad(**arguments: Any) -> None:
        if kind == "fails":
            raise ValueError("AF_UNIX path\ntoo long")
        over.wait(20)

    monkeypatch.setattr(ray, "init", bad)
    began = time.monotonic()
    with pytest.raises(RunError, match=r"Ray did not start.*try --executor inline") as caught:
        start_ray(options(), 0, limit_s=0.3)  # type: ignore[arg-type]
    over.set()
    assert time.monotonic() - began < 10
    assert "\n" not in str(caught.value)


def test_an_interruption_ends_the_wait(
    starts: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    monkeypatch.setattr(ray, "init", lambda **arguments: over.wait(20))

    def interrupt(*_: object, **__: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(ray_start, "wait_until", interrupt)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        start_ray(options(), 0)  # type: ignore[arg-type]
    over.set()
    assert time.monotonic() - began < 5


def pool_of(*phases: str) -> RayExecutor:
    """Return a pool that has no Ray, with workers in these phases."""
    pool = RayExecutor.__new__(RayExecutor)
    pool.num_workers = len(phases)
    pool._broken = None
    pool._ready_at = None
    pool._start_limit_s = 60.0
    pool._slots = [ray_executor._Slot(None, None, phase) for phase in phases]
    return pool


def test_training_begins_with_the_workers_that_are_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_executor, "_OTHERS_S", 0.3)
    pool = pool_of("free", "loading")
    pool.wait_ready()
    assert pool._ready_at is not None


def test_workers_that_never_come_up_end_the_wait() -> None:
    with pytest.raises(RunError, match="workers did not start within 0 s"):
        pool_of("loading", "loading").wait_ready(0.3)


def test_a_worker_that_cannot_start_is_tried_again_and_then_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = pool_of("loading", "free")
    monkeypatch.setattr(
        pool, "_new_slot", lambda starts=1: ray_executor._Slot(None, None, starts=starts)
    )
    for _ in range(ray_executor._MAX_STARTS):
        assert len(pool._slots) == 2
        pool._start_again(pool._slots[0], "it died")
    assert [slot.phase for slot in pool._slots] == ["free"]
    del pool._slots[0]
    pool._slots = [ray_executor._Slot(None, None, starts=ray_executor._MAX_STARTS)]
    with pytest.raises(RunError, match="no worker could be started: it died"):
        pool._start_again(pool._slots[0], "it died")


@pytest.mark.parametrize("stage", ["Ray", "its workers"])
def test_this_process_trains_where_ray_does_not_start(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []

    class Broken:
        def __init__(self, *arguments: object) -> None:
            if stage == "Ray":
                raise RunError("Ray did not start (no room); try --executor inline")

        def wait_ready(self) -> None:
            raise RunError("the Ray workers did not start within 300 s")

        def close(self) -> None:
            closed.append(stage)

    monkeypatch.setattr(ray_executor, "RayExecutor", Broken)
    lines: list[str] = []
    data = few_digits()

    def started(address: str) -> object:
        options = PoolOptions(2, quiet_folder=str(tmp_path), address=address)
        return start_executor("ray", data, options, never_stop, lines.append)

    assert isinstance(started(""), InlineExecutor)
    assert lines[-1].endswith("Training in this process instead, one network at a time")
    assert closed == ([] if stage == "Ray" else [stage])
    with pytest.raises(RunError):
        started("auto")
