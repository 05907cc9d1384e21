"""Spaces that ask for too much are refused in a moment, by the documented error."""

import time
import tracemalloc
from pathlib import Path

import pytest

from archsearch.errors import InputError
from archsearch.space import flat_space, load_space

TINY = (Path(__file__).parents[2] / "spaces" / "tiny.yaml").read_text()
FIRST = "{depth: 1, width: 16}"
HOSTILE = {
    "a large domain": ("parameters: {a: {int: [1, 1000000000]}}", "at most 1000 values"),
    "a huge domain": (f"parameters: {{a: {{int: [1, {10**30}]}}}}", "at most 1000 values"),
    "many options": (
        "parameters: {a: {choice: [" + ",".join(map(str, range(2000))) + "]}}",
        "at most 1000 options",
    ),
    "many more": (
        "parameters: {a: {choice: [" + ",".join(map(str, range(120_000))) + "]}}",
        "more than 5,000 values",
    ),
    "unknown keys": (TINY + "".join(f"k{i}: 1\n" for i in range(900)), "is an unknown key"),
    "more unknown keys": ("".join(f"k{i}: 1\n" for i in range(50_000)), "more than 5,000 values"),
    "a huge width": (TINY.replace(FIRST, f"{{depth: 1, width: {10**21}}}"), "1000000000"),
    "a number of digits": (TINY.replace(FIRST, "{depth: 1, width: " + "9" * 5000 + "}"), "whole"),
    "a deep network": (TINY.replace(FIRST, "{depth: 100000, width: 16}"), "1000"),
    "an unknown type in a large space": (
        (Path(__file__).parents[2] / "spaces" / "lightweight.yaml")
        .read_text()
        .replace("type: window_global", "type: window_globe"),
        "must be a known type",
    ),
    "infinity": (TINY.replace(FIRST, "{depth: 1, width: 1e400}"), "whole number"),
    "nested choices": (
        "parameters: {a: " + "{choice: [" * 40 + "1" + "]}" * 40 + "}",
        "nested deeper than 50",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_it_is_refused_in_a_moment(tmp_path: Path, case: str) -> None:
    text, rule = HOSTILE[case]
    path = tmp_path / "hostile.yaml"
    path.write_text(text)
    began = time.process_time()
    with pytest.raises(InputError, match=rule):
        load_space(path)
    assert time.process_time() - began < 2


@pytest.mark.parametrize("case", ["a huge domain", "many more", "more unknown keys"])
def test_it_takes_no_memory(tmp_path: Path, case: str) -> None:
    path = tmp_path / "hostile.yaml"
    path.write_text(HOSTILE[case][0])
    tracemalloc.start()
    try:
        with pytest.raises(InputError):
            load_space(path)
        assert tracemalloc.get_traced_memory()[1] < 200 * 2**20
    finally:
        tracemalloc.stop()


def test_a_domain_of_python_is_bounded_too() -> None:
    with pytest.raises(InputError, match="at most 1000"):
        flat_space({"a": {"int": [1, 10**12]}})
