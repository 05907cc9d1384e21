"""The one place that prints: a console for results, one for progress, and how errors end.

What is printed is plain text: brackets in a path or a name are no tags.
"""

import contextlib
import errno
import logging
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console

from archsearch.cli.heartbeat import Heartbeat
from archsearch.cli.interruption import Interrupted, interruptible
from archsearch.errors import ArchsearchError, InputError
from archsearch.files import os_sentence

#: width of tables in a file or a pipe, where nobody knows how wide they will be looked at
PIPED_WIDTH = 120


def _console(**options: Any) -> Console:
    return Console(highlight=False, markup=False, emoji=False, **options)


def _results() -> Console:
    piped = not sys.stdout.isatty()
    return _console(soft_wrap=piped, width=_piped_width() if piped else None)


def _piped_width() -> int:
    """Return how wide a table may be where standard output is no terminal.

    That is $COLUMNS, else the width of the terminal that a pager shows it on, where there is one.
    """
    asked = os.environ.get("COLUMNS", "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    with contextlib.suppress(OSError, ValueError):
        # of `| less`, standard error is the terminal
        return os.get_terminal_size(sys.stderr.fileno()).columns or PIPED_WIDTH
    return PIPED_WIDTH


#: results: what a pipe should get
out = _results()
#: progress and notes
err = _console(stderr=True)
#: why a command ended; printed under ``--quiet`` too
_failure = _console(stderr=True)


def set_loudness(quiet: bool, verbose: bool) -> None:
    """Choose how much is printed: results and errors only, or the log as well."""
    err.quiet = quiet
    root = logging.getLogger("archsearch")
    if verbose and not any(isinstance(each, _LogHandler) for each in root.handlers):
        handler = _LogHandler()
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        root.addHandler(handler)
        root.setLevel(logging.INFO)


class _LogHandler(logging.StreamHandler[TextIO]):
    """Writes the log to standard error."""


def print_failure(lines: Iterable[str]) -> None:
    """Print why a command ends with exit code 1, also under ``--quiet``."""
    for line in lines:
        _failure.print(line, soft_wrap=True)


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn errors into messages and exit codes: 2 wrong input, 1 failed, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        # a file's name may hold what the terminal's encoding lacks
        if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            reconfigure(errors="backslashreplace")
    with interruptible(say_interrupted) as ending:
        try:
            try:
                yield
            finally:
                sys.stdout.flush()
        except InputError as error:
            count = len(error.problems)
            if count > 1:
                _failure.print(f"{count} problems", style="red")
            for problem in error.problems:
                _fail("error:", str(problem))
            raise SystemExit(2) from None
        except ArchsearchError as error:
            _fail("failed:", "; ".join([str(error), *_notes(error)]))
            raise SystemExit(1) from None
        except (KeyboardInterrupt, Interrupted) as error:
            ending.is_said = True
            say_interrupted(_notes(error))
            ending.finish()
            raise SystemExit(130) from None
        except OSError as error:
            logging.getLogger(__name__).info("the system refused", exc_info=True)
            if error.errno == errno.EPIPE:
                _leave_stdout()
            else:
                if error.filename is None and error.errno == errno.ENOSPC:
                    error.filename = "standard output"
                    _leave_stdout()
                _fail("failed:", "; ".join([os_sentence(error), *_notes(error)]))
            raise SystemExit(1) from None
        except Exception as error:
            if not ending.is_begun:
                raise
            # a library caught the interruption, in the middle of an import for example, and failed
            # for what it had left undone
            ending.is_said = True
            say_interrupted(_notes(error))
            ending.finish()


def _fail(label: str, text: str) -> None:
    _failure.print(label, style="red", end=" ")
    _failure.print(text, soft_wrap=True)


def _leave_stdout() -> None:
    """Give up standard output, so that Python does not try to write to it again at its end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def say(text: str) -> None:
    """Print a line of progress."""
    err.print(text, soft_wrap=True)


def say_interrupted(how: Sequence[str] = ()) -> None:
    """Print that the command was interrupted, and how to go on: its last line."""
    Heartbeat.silence()
    text = "; ".join(["interrupted", *(how or ["run the same command again"])])
    _failure.print(text, soft_wrap=True)


def _notes(error: BaseException) -> list[str]:
    """Return what was added to an error on its way up."""
    return list(getattr(error, "__notes__", []))
