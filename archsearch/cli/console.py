"""The one place that prints: a console for results, one for progress, and how errors end."""

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console

from archsearch.cli.interruption import Interrupted, interruptible
from archsearch.errors import ArchsearchError, InputError

#: width of tables in a file or a pipe, where nobody knows how wide they will be looked at
_PIPED_WIDTH = 400


def _console() -> Console:
    piped = not sys.stdout.isatty()
    width = _PIPED_WIDTH if piped and "COLUMNS" not in os.environ else None
    return Console(soft_wrap=piped, highlight=False, width=width)


#: results: what a pipe should get
out = _console()
#: progress and notes
err = Console(stderr=True, highlight=False)
#: why a command ended; never quiet
_failure = Console(stderr=True, highlight=False)


def set_loudness(quiet: bool, verbose: bool) -> None:
    """Say nothing but results and errors, or also what archsearch logs."""
    err.quiet = quiet
    root = logging.getLogger("archsearch")
    if verbose and not any(isinstance(each, _Told) for each in root.handlers):
        handler = _Told()
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        root.addHandler(handler)
        root.setLevel(logging.INFO)


class _Told(logging.StreamHandler[TextIO]):
    """Writes the log to standard error."""


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn errors into messages and exit codes: 2 wrong input, 1 failed, 130 interrupted."""
    with interruptible(say_interrupted) as ending:
        try:
            yield
        except InputError as error:
            count = len(error.problems)
            if count > 1:
                _failure.print(f"[red]{count} problems[/red]")
            for problem in error.problems:
                _failure.print("[red]error:[/red] ", end="")
                _failure.print(str(problem), markup=False, soft_wrap=True)
            raise SystemExit(2) from None
        except ArchsearchError as error:
            _failure.print("[red]failed:[/red] ", end="")
            _failure.print("; ".join([str(error), *_notes(error)]), markup=False, soft_wrap=True)
            raise SystemExit(1) from None
        except (KeyboardInterrupt, Interrupted) as error:
            ending.is_said = True
            say_interrupted(_notes(error))
            ending.finish()
            raise SystemExit(130) from None


def say(text: str) -> None:
    """Print a line of progress that should stay."""
    err.print(text, markup=False, soft_wrap=True)


def say_interrupted(how: Sequence[str] = ()) -> None:
    """Print that the command was interrupted, and how to go on."""
    text = "; ".join(["interrupted", *(how or ["run the same command again"])])
    _failure.print(text, markup=False, soft_wrap=True)


def _notes(error: BaseException) -> list[str]:
    """Return what was added to an error on its way up."""
    return list(getattr(error, "__notes__", []))
