import ast
from pathlib import Path

import pytest

import archsearch
from archsearch.percent import percent_text
from archsearch.report.number_format import (
    count_text,
    duration_text,
    ms_interval_text,
    ms_text,
    plural,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.00 k"),
        (54_240, "54.2 k"),
        (999_499, "999 k"),
        (999_500, "1.00 M"),
        (1_234_567, "1.23 M"),
        (9_996_000, "10.0 M"),
        (4.2e9, "4.20 G"),
        (7e12, "7.00 T"),
        (None, "-"),
    ],
)
def test_counts(value, text):
    assert count_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.01234, "0.0123"),
        (0.9996, "1.00"),
        (4.944, "4.94"),
        (9.996, "10.0"),
        (70.04, "70.0"),
        (123.4, "123"),
        (12_345.0, "12345"),
        (0.0, "0.00"),
        (None, "-"),
    ],
)
def test_milliseconds_have_three_digits(value, text):
    assert ms_text(value) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (4.87, 5.01, "4.87 to 5.01"),
        (4.161, 4.164, "4.161 to 4.164"),
        (12.34, 12.36, "12.3 to 12.4"),
        (2.0, 2.0, "2.00 to 2.00"),
    ],
)
def test_ends_of_an_interval_are_distinguished(low, high, text):
    assert ms_interval_text((low, high)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.96, "10.0 s"), (59, "59 s"), (292, "4 min 52 s"), (7325, "2 h 2 min")],
)
def test_durations(seconds, text):
    assert duration_text(seconds) == text


def test_words():
    assert [plural(n, "trial") for n in (0, 1, 2, 1234)] == [
        "0 trials",
        "1 trial",
        "2 trials",
        "1,234 trials",
    ]
    assert plural(2, "category") == "2 categories"
    assert percent_text(0.97523) == "97.5"
    assert percent_text(None) == "-"


def _raw_accuracies(path):
    """Yield the lines of a module that print an accuracy in a format of their own."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FormattedValue) and node.format_spec is not None:
            text = ast.unparse(node.value)
            counted = "num_" in text or "_text(" in text
            if "accuracy" in text and not counted:
                yield f"{path.name}:{node.lineno}: {text}"


@pytest.mark.parametrize(
    "part", ["cli", "report", "export", "dashboard", "search", "ablation", "train"]
)
def test_accuracies_are_written_by_one_function(part):
    files = sorted((Path(archsearch.__file__).parent / part).rglob("*.py"))
    assert files
    assert [line for path in files for line in _raw_accuracies(path)] == []
