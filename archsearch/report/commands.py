"""Command lines that the report offers to paste into a shell."""

import shlex

from archsearch.record import RunRecord


def export_command(run: RunRecord, number: int | str) -> str:
    """Return the command that writes trial ``number`` as plain Python."""
    target = shlex.quote(run.name)
    return f"archsearch export {target} --trial {number} --format python --output trial_{number}.py"
