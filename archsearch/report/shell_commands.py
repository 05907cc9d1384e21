"""Command lines that the report offers to paste into a shell."""

import shlex

from archsearch.record import RunRecord


def export_command(run: RunRecord, number: int | str) -> str:
    """Return the command that writes trial ``number`` as plain Python."""
    target = shlex.quote(run.name)
    return f"archsearch export {target} --trial {number} --format python --output trial_{number}.py"


def measure_command(target: str, *, every: bool = False) -> str:
    """Return the command that measures the front of the run ``target`` again."""
    return f"archsearch front {shlex.quote(target)} --measure" + (" --all" if every else "")
