"""Calibrations of the reference network, remembered between probes."""

from pathlib import Path

import pytest

from archsearch.cost.reference_cache import ReferenceCache

HOUR = 3600.0


@pytest.fixture
def cache(tmp_path: Path) -> ReferenceCache:
    return ReferenceCache("abc", 1, tmp_path)


def test_the_first_calibration_is_believed(cache: ReferenceCache) -> None:
    assert cache.fastest() is None
    assert cache.quiet_ms(0.40) == 0.40
    assert cache.fastest() == 0.40


def test_a_slower_machine_than_earlier_today_is_not_quiet(cache: ReferenceCache) -> None:
    cache.quiet_ms(0.40, now=0.0)
    assert cache.quiet_ms(0.60, now=HOUR) == 0.40
    # however often it is asked
    for hour in range(2, 20):
        assert cache.quiet_ms(0.60, now=hour * HOUR) == 0.40


def test_what_differs_between_processes_is_no_load(cache: ReferenceCache) -> None:
    cache.quiet_ms(0.40)
    assert cache.quiet_ms(0.415) == pytest.approx(0.4075)
    assert cache.quiet_ms(0.398) == 0.40
    # what was slower than that was no quiet machine
    assert cache.quiet_ms(0.60) == 0.40


def test_a_day_later_it_is_the_machine(cache: ReferenceCache) -> None:
    cache.quiet_ms(0.40, now=0.0)
    cache.quiet_ms(0.60, now=12 * HOUR)
    assert cache.quiet_ms(0.60, now=25 * HOUR) == 0.60


def test_environments_and_threads_are_kept_apart(cache: ReferenceCache, tmp_path: Path) -> None:
    cache.quiet_ms(0.40)
    assert ReferenceCache("abc", 2, tmp_path).quiet_ms(0.60) == 0.60
    assert ReferenceCache("other", 1, tmp_path).quiet_ms(0.60) == 0.60


def test_a_cache_that_cannot_be_read_or_written_is_forgotten(tmp_path: Path) -> None:
    cache = ReferenceCache("abc", 1, tmp_path)
    (tmp_path / "reference-abc-t1.json").write_text("no json")
    assert cache.quiet_ms(0.40) == 0.40
    (tmp_path / "file").write_text("")
    unwritable = ReferenceCache("abc", 1, tmp_path / "file" / "below")
    assert unwritable.quiet_ms(0.40) == 0.40
    assert unwritable.quiet_ms(0.60) == 0.60
