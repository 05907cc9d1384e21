"""Checks the output path of an export before any work."""

from pathlib import Path

from archsearch.errors import InputError, Problem
from archsearch.files import file_problem


def check_target(path: Path | None, *, force: bool) -> None:
    """Check that ``path`` can be written, before any work is done for it.

    Raises:
        InputError: it exists and ``force`` is off, it is a folder, or the file system refuses it.
    """
    if path is None:
        return
    problem = file_problem("output", path)
    if problem is None and path.exists() and not force:
        problem = Problem(
            "output", "already exists", remedy="use --force to replace it", file=str(path)
        )
    if problem is not None:
        raise InputError(problem)


def check_shared(path: Path | None, data: bytes, *, force: bool) -> None:
    """Check a file that several exports of one network share: it may be there if it is the same.

    Raises:
        InputError: as `check_target` does, for a file of other contents.
    """
    if path is None:
        return
    if path.is_file() and not force and path.read_bytes() != data:
        raise InputError(
            Problem(
                "output",
                "belongs to another network that was exported under this name",
                remedy="name another file or folder, or use --force to replace it",
                file=str(path),
            )
        )
    check_target(path, force=force or path.is_file())
