"""Tables as plain data: JSON and CSV for other programs, on standard output."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from archsearch.errors import InputError, Problem

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")]


def check_one(as_json: bool, as_csv: bool) -> None:
    """Refuse to print two formats at once.

    Raises:
        InputError: both were asked for.
    """
    if as_json and as_csv:
        raise InputError(Problem("--csv", "cannot go with --json", remedy="choose one"))


def print_json(data: Any) -> None:
    """Print plain data as JSON."""
    print(json.dumps(data, indent=2))


def print_csv(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows under the keys of all of them, as spreadsheets read them.

    What is nested is flattened: ``{"a": {"b": 1}}`` is a column ``a.b``, a pair of numbers two
    columns ``_low`` and ``_high``. Longer lists become one cell, joined by blanks.
    """
    flat = [_flat(row) for row in rows]
    columns = dict.fromkeys(key for row in flat for key in row)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    print(text.getvalue(), end="")


def _flat(data: Any, path: str = "") -> dict[str, Any]:
    if isinstance(data, Mapping):
        found: dict[str, Any] = {}
        for key, value in data.items():
            found |= _flat(value, f"{path}.{key}" if path else str(key))
        return found
    if isinstance(data, list | tuple):
        if len(data) == 2 and all(isinstance(each, int | float) for each in data):
            return {f"{path}_low": data[0], f"{path}_high": data[1]}
        return {path: " ".join(str(each) for each in data)}
    return {path: data}
