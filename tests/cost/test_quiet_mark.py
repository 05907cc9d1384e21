"""Calibrations of the reference network, remembered between probes."""

from pathlib import Path

import pytest

from archsearch.cost.quiet_mark import QuietMark

HOUR = 3600.0


@pytest.fixture
def mark(tmp_path: Path) -> QuietMark:
    return QuietMark("abc", 1, tmp_path)


def test_the_first_calibration_is_believed(mark: QuietMark) -> None:
    assert mark.fastest() is None
    assert mark.judge(0.40) == 0.40
    assert mark.fastest() == 0.40


def test_a_slower_machine_than_earlier_today_is_not_quiet(mark: QuietMark) -> None:
    mark.judge(0.40, now=0.0)
    assert mark.judge(0.60, now=HOUR) == 0.40
    # however often it is asked
    for hour in range(2, 20):
        assert mark.judge(0.60, now=hour * HOUR) == 0.40


def test_what_differs_between_processes_is_no_load(mark: QuietMark) -> None:
    mark.judge(0.40)
    assert mark.judge(0.415) == 0.415
    assert mark.judge(0.39) == 0.39


def test_a_day_later_it_is_the_machine(mark: QuietMark) -> None:
    mark.judge(0.40, now=0.0)
    mark.judge(0.60, now=12 * HOUR)
    assert mark.judge(0.60, now=25 * HOUR) == 0.60


def test_environments_and_threads_are_kept_apart(mark: QuietMark, tmp_path: Path) -> None:
    mark.judge(0.40)
    assert QuietMark("abc", 2, tmp_path).judge(0.60) == 0.60
    assert QuietMark("other", 1, tmp_path).judge(0.60) == 0.60


def test_a_cache_that_cannot_be_read_or_written_is_forgotten(tmp_path: Path) -> None:
    mark = QuietMark("abc", 1, tmp_path)
    (tmp_path / "reference-abc-t1.json").write_text("no json")
    assert mark.judge(0.40) == 0.40
    (tmp_path / "file").write_text("")
    unwritable = QuietMark("abc", 1, tmp_path / "file" / "below")
    assert unwritable.judge(0.40) == 0.40
    assert unwritable.judge(0.60) == 0.60
