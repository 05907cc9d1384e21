"""The file that an export writes: refused early, written in one move."""

import os
from pathlib import Path

from archsearch.errors import InputError, Problem


def check_target(path: Path | None, *, force: bool) -> None:
    """Check that ``path`` can be written, before any work is done for it.

    Raises:
        InputError: it exists and ``force`` is off, it is a folder, or its folder does not exist
            or may not be written to.
    """
    if path is None:
        return
    problem: Problem | None = None
    if path.is_dir():
        problem = Problem("output", "must be a file, not a folder", str(path), "add a file name")
    elif path.exists() and not force:
        problem = Problem(
            "output", "already exists", remedy="use --force to replace it", file=str(path)
        )
    elif not path.parent.is_dir():
        problem = Problem(
            "output", "its folder must exist", str(path.parent), "create it, or name another file"
        )
    elif not os.access(path.parent, os.W_OK):
        problem = Problem("output", "its folder must be writable", str(path.parent))
    if problem is not None:
        raise InputError(problem)


def write_target(path: Path, text: str) -> None:
    """Write a text file in one move: there is the whole file or none."""
    partial = path.with_name(f".{path.name}.tmp")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
