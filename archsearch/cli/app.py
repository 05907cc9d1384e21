"""The command line: ``archsearch COMMAND``. Parse, call, print; no logic."""

import sys

import typer

from archsearch import __version__
from archsearch.cli import export, front, profile, report, run, space
from archsearch.cli.console import exit_codes

app = typer.Typer(
    name="archsearch",
    help=(
        "Search light-weight vision transformers for your latency budget, on your own device.\n\n"
        "Start with: archsearch run lightweight --budget-ms 5"
    ),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

for command in (run.run, front.front, report.report, export.export, space.space, profile.profile):
    app.command()(command)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"archsearch {__version__}")
        raise typer.Exit


@app.callback()
def archsearch(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    """Options that come before the command."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; exit code 0 done, 1 the run failed, 2 the input is wrong."""
    with exit_codes():
        app(arguments if arguments is not None else sys.argv[1:])
