"""The time left falls between two events, and is estimated anew at each."""

import pytest

from archsearch.run import time_left
from archsearch.run.time_left import TimeLeft


def test_it_counts_down_until_something_new_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time_left.time, "monotonic", lambda: now)
    left = TimeLeft()
    assert left.seconds(0, lambda: None) is None
    # nothing was known: asked again
    assert left.seconds(0, lambda: 50.0) == 50.0
    now += 20
    assert left.seconds(0, lambda: pytest.fail("nothing new")) == 30.0
    assert left.seconds(1, lambda: 44.0) == 44.0
    now += 50
    assert left.seconds(1, lambda: pytest.fail("nothing new")) == 0.0
