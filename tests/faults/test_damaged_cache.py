"""A cache that is damaged, or cannot be written, costs a line at most."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from archsearch.cost import LatencyTable, TableKey, current_environment
from archsearch.cost.protocol import GATE
from archsearch.cost.reference_cache import ReferenceCache
from archsearch.data.image_cache import Kept, read_cache, write_cache
from archsearch.resources import cache_dir
from archsearch.run.latency.latency_target import LatencyTarget
from archsearch.run.latency.run_table import keep_table, open_table
from tests.run.conftest import Recorder


def table() -> object:
    environment = current_environment("cpu")
    opened = open_table(LatencyTarget(), environment)
    keep_table(opened, Recorder())
    keep_table(LatencyTable(TableKey.of(environment, GATE, 1)), Recorder())
    return len(opened)


def reference() -> object:
    kept = ReferenceCache("e", 1)
    found = kept.quiet_ms()
    kept.add(1.0)
    return found or 0


def images() -> object:
    found = read_cache("key", "fingerprint")
    write_cache("key", "fingerprint", Kept(np.zeros((1, 1, 2, 2), dtype=np.uint8), {}))
    return found or 0


USERS: dict[str, Callable[[], object]] = {
    "table": table,
    "reference": reference,
    "images": images,
}
DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "noise": lambda path: path.write_bytes(bytes(range(256)) * 40),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "nested": lambda path: path.write_text("[" * 200_000),
    "another layout": lambda path: path.write_text('{"a": [1, null]}'),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ARCHSEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("user", USERS)
def test_a_damaged_file_is_as_none(user: str, damage: str) -> None:
    use = USERS[user]
    assert use() == 0
    files = [path for path in cache_dir().rglob("*") if path.is_file()]
    assert files
    for path in files:
        DAMAGES[damage](path)
    assert use() == 0
    use()


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("place", ["a file", "a dead link", "a folder in the way"])
def test_a_cache_that_cannot_be_written_is_none(user: str, place: str, cache: Path) -> None:
    if place == "a file":
        cache.write_text("mine")
    elif place == "a dead link":
        cache.symlink_to(cache.parent / "nowhere" / "deep")
    else:
        USERS[user]()
        for path in [path for path in cache.rglob("*") if path.is_file()]:
            path.unlink()
            path.mkdir()
            (path / "in the way").write_text("x")
    assert USERS[user]() == 0
    shutil.rmtree(cache, ignore_errors=True)
