"""The file that an export writes: refused early."""

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
