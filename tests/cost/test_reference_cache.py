"""Latencies of the reference network, remembered between probes."""

from pathlib import Path

import numpy as np
import pytest

from archsearch.cost.reference_cache import ReferenceCache

HOUR = 3600.0


@pytest.fixture
def cache(tmp_path: Path) -> ReferenceCache:
    return ReferenceCache("abc", 1, tmp_path)


def test_quiet_is_the_lower_quartile_of_the_day(cache: ReferenceCache) -> None:
    assert cache.quiet_ms() is None
    seen = []
    for ms in (0.40, 0.60, 0.42, 0.41, 0.9):
        cache.add(ms)
        seen.append(ms)
        assert cache.quiet_ms() == pytest.approx(np.percentile(seen, 25))


def test_one_busy_start_moves_it_little(cache: ReferenceCache) -> None:
    for _ in range(8):
        cache.add(0.40)
    cache.add(4.0)
    assert cache.quiet_ms() == 0.40


def test_a_day_later_it_is_the_machine(cache: ReferenceCache) -> None:
    cache.add(0.40, now=0.0)
    cache.add(0.60, now=12 * HOUR)
    assert cache.quiet_ms(now=25 * HOUR) == 0.60
    assert cache.quiet_ms(now=60 * HOUR) is None


def test_environments_and_threads_are_kept_apart(cache: ReferenceCache, tmp_path: Path) -> None:
    cache.add(0.40)
    assert ReferenceCache("abc", 2, tmp_path).quiet_ms() is None
    assert ReferenceCache("other", 1, tmp_path).quiet_ms() is None


def test_a_cache_that_cannot_be_read_or_written_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    unwritable = ReferenceCache("abc", 1, tmp_path / "file" / "below")
    unwritable.add(0.40)
    assert unwritable.quiet_ms() is None


def test_it_does_not_grow_without_end(cache: ReferenceCache) -> None:
    for at in range(300):
        cache.add(1.0 + at)
    assert cache.quiet_ms() > 40
