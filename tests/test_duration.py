"""Durations in words, and in a configuration."""

import pytest
from pydantic import TypeAdapter, ValidationError

from archsearch.duration import Duration, seconds_of
from archsearch.errors import InputError


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("1.5D", 129600), ("12", 12)]
)
def test_durations(text: str, seconds: float) -> None:
    assert seconds_of(text) == TypeAdapter(Duration).validate_python(text) == seconds
    assert TypeAdapter(Duration).validate_python(seconds) == seconds


@pytest.mark.parametrize("text", ["", "s", "-5m", "0", "nan", "inf", "1e999h", "soon"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(InputError, match=r"--wait: must be a duration above 0.*e\.g\. 30m"):
        seconds_of(text, "--wait")
    with pytest.raises(ValidationError, match="must be a duration above 0"):
        TypeAdapter(Duration).validate_python(text)
