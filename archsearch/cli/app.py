"""The command line: ``archsearch COMMAND``. Parse, call, print; no logic."""

import contextlib
import importlib
import io
import os
import sys
from collections.abc import Callable
from typing import Any

import typer

from archsearch import __version__
from archsearch.activity import BOARD, Activity, doing
from archsearch.cli.argument_errors import Command, UsageError, usage_problem
from archsearch.cli.command_signature import stand_in
from archsearch.cli.completion import (
    complete_zsh_at_once,
    completer_of,
    is_completing,
    joined_option,
    rejoined,
    with_option,
)
from archsearch.cli.console import err, exit_codes, set_loudness
from archsearch.cli.heartbeat import Heartbeat
from archsearch.cli.storage_password import hide_password
from archsearch.errors import InputError, Problem, nearest
from archsearch.machine import machine_limits, usable_cores

#: command to the line that ``archsearch --help`` shows; each is the function `command` of a module
#: of its name, which
#: is imported only when the command is used (torch, timm and ray take seconds)
COMMANDS = {
    "run": "Search for the best accuracy within a latency budget, and print the Pareto front.",
    "front": "Print the Pareto front of a run; it may still be going on.",
    "report": "Write a self-contained page about a run or an ablation, or one that compares runs.",
    "dashboard": "Show a run in Optuna's dashboard, on this machine; it may still be going on.",
    "ablate": "Compare variants of a network over several seeds; say which choice bought the gain.",
    "explain": "Say which choices make a network of a run better than another.",
    "importance": "Print which choices of a run mattered for accuracy and latency.",
    "train": "Train a network to the end; the same command goes on with a stopped training.",
    "export": "Export a model definition that runs without archsearch; it is checked first.",
    "profile": "Print parameters, multiply-adds, memory and latency of a network, by part.",
    "calibrate": "Measure the sub-blocks of a space, so that latency can be predicted.",
    "space": "Check a space, and print its size and the costs in it.",
    "doctor": "Check this machine and installation: what would go wrong, and what to do.",
    "zoo": "List the models of the four papers; compare them measured here and published.",
}

#: commands that run until they are stopped, and print how to stop them
_SERVERS = frozenset({"dashboard"})

#: of the command line itself, about the shell that calls it
_SHELL_OPTIONS = frozenset({"--install-completion", "--show-completion"})
_SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")
#: variables with which fish and zsh hand over the line, and which only fish sets
_LINE, _FISH = "_TYPER_COMPLETE_ARGS", "_TYPER_COMPLETE_FISH_ACTION"

HELP = """Search light-weight vision transformers for your latency budget, on your own device.

Start with: archsearch run lightweight --budget-ms 5
"""


def build_app(wanted: str | None, completing: bool = False) -> typer.Typer:
    """Return the command line with the command ``wanted`` loaded, the others by name only.

    Where a shell asks for completions, the parameters of every command are read from its source.
    """
    app = typer.Typer(
        name="archsearch",
        help=HELP,
        no_args_is_help=True,
        add_completion=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
    )
    app.callback()(archsearch)
    for name, line in COMMANDS.items():
        if completing:
            app.command(name, cls=Command, help=line)(stand_in(name, completer_of))
            continue
        app.command(name, cls=Command, help=None if name == wanted else line)(
            _load(name) if name == wanted else _unloaded
        )
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; exit code 0 done, 1 the run failed, 2 the input is wrong."""
    if arguments is None:
        hide_password()
    limit_threads()
    words = sys.argv[1:] if arguments is None else arguments
    wanted = next((word for word in words if not word.startswith("-")), None)
    if is_completing():
        _complete(words)
        return
    with exit_codes(), contextlib.ExitStack() as shown:
        if wanted not in _SERVERS and not {"--quiet", "-q"} & set(words):
            shown.enter_context(Heartbeat(err))
            name = f"archsearch {wanted or ''}".strip()
            shown.enter_context(BOARD.show(Activity(name, is_frame=True)))
        code = _run(words, wanted)
    raise SystemExit(code)


def _run(words: list[str], wanted: str | None) -> int:
    # for child processes, such as a compiler's workers: no module of the working directory may
    # shadow the standard library
    os.environ["PYTHONSAFEPATH"] = "1"
    if wanted in _SHELLS and (asked := _SHELL_OPTIONS & set(words)):
        rule, remedy = "takes no name of a shell", f"call it in {wanted}, without the name"
        raise InputError(Problem(min(asked), rule, wanted, remedy))
    if wanted is not None and wanted not in COMMANDS:
        remedy = nearest(wanted, COMMANDS)
        raise InputError(Problem("", f"there is no command '{wanted}'", remedy=remedy))
    if wanted is None and _SHELL_OPTIONS & set(words):
        complete_zsh_at_once()
    with doing("loading libraries"):
        app = build_app(wanted)
    try:
        code = app(words, standalone_mode=False)
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()  # type: ignore[attr-defined]
            return 2
        raise InputError(usage_problem(error, "archsearch")) from None
    return code if isinstance(code, int) else 0


def limit_threads() -> None:
    """Let numerical libraries use no more threads than a CPU quota has cores for.

    They look at the affinity mask alone: under a quota of one core on a machine of 64, each product
    of matrices would start 64 threads, which the kernel then stops together. It must be said before
    they are loaded; a value that is set already stays.
    """
    cores = machine_limits().whole_cores
    if cores < usable_cores():
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ.setdefault(name, str(cores))


def _complete(words: list[str]) -> None:
    """Answer a shell; an error on its screen would be worse than no answer."""
    answer, kept, option = io.StringIO(), "", joined_option(os.environ.get(_LINE, ""))
    if "COMP_WORDS" in os.environ:
        line = os.environ["COMP_WORDS"].split()
        with contextlib.suppress(ValueError):
            line, index, kept = rejoined(line, int(os.environ["COMP_CWORD"]))
            os.environ |= {"COMP_WORDS": " ".join(line), "COMP_CWORD": str(index)}
    with (
        contextlib.suppress(Exception, SystemExit),
        contextlib.redirect_stderr(io.StringIO()),
        contextlib.redirect_stdout(answer),
    ):
        build_app(None, completing=True)(words)
    text = answer.getvalue()
    if option:
        text = with_option(text, "fish" if _FISH in os.environ else "zsh", option)
    lines = [f"{each.removeprefix(kept)}\n" for each in text.splitlines()]
    try:
        sys.stdout.writelines(lines)
        sys.stdout.flush()
    except OSError:
        # the shell has gone on: the interpreter must not complain when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def archsearch(
    version: bool = typer.Option(
        False,
        "--version",
        callback=lambda wanted: _version(wanted),
        is_eager=True,
        help="Print the version and exit.",
    ),
    quiet: bool = typer.Option(False, "--quiet", help="Print results and errors only."),
    verbose: bool = typer.Option(False, "--verbose", help="Print the log as well."),
) -> None:
    """Take the options that come before the command."""
    set_loudness(quiet, verbose)


def _load(name: str) -> Callable[..., Any]:
    function: Callable[..., Any] = importlib.import_module(f"archsearch.cli.{name}").command
    return function


def _unloaded() -> None:
    raise AssertionError("only the wanted command is ever called")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"archsearch {__version__}")
        raise typer.Exit
