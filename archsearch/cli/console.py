"""The one place that prints: a console for results, one for progress, and how errors end."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from archsearch.errors import ArchsearchError, InputError

#: results: what a pipe should get
out = Console(soft_wrap=not sys.stdout.isatty(), highlight=False)
#: progress, notes and errors
err = Console(stderr=True, highlight=False)


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn errors into messages and exit codes: 2 wrong input, 1 failed, 130 interrupted."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    except InputError as error:
        count = len(error.problems)
        if count > 1:
            err.print(f"[red]{count} problems[/red]")
        for problem in error.problems:
            err.print("[red]error:[/red] ", end="")
            err.print(str(problem), markup=False, soft_wrap=True)
        raise SystemExit(2) from None
    except ArchsearchError as error:
        err.print("[red]failed:[/red] ", end="")
        err.print(str(error), markup=False, soft_wrap=True)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        err.print("interrupted; the same command goes on from here")
        raise SystemExit(130) from None


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
