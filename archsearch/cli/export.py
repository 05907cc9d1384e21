"""``archsearch export``: take a model away."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from archsearch.analysis import choose
from archsearch.arch import Arch, load_arch
from archsearch.cli.console import out
from archsearch.export import export_python, export_yaml
from archsearch.record import RunRecord, TrialRecord
from archsearch.search import load_run


class Format(StrEnum):
    """What to write."""

    PYTHON = "python"
    YAML = "yaml"


def export(
    source: Annotated[
        str, typer.Argument(help="Folder or name of a run, or an Arch file (.yaml).")
    ],
    trial: Annotated[
        str, typer.Option(help="best, knee, or the number of a trial; for a run.")
    ] = "best",
    form: Annotated[Format, typer.Option("--format", help="What to write.")] = Format.PYTHON,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File. [default: standard output]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    runs_dir: Annotated[Path, typer.Option(help="Folder of all runs.")] = Path("runs"),
) -> None:
    """Export a model definition that needs nothing of archsearch; it is checked first."""
    arch, run, record = _chosen(source, trial, runs_dir)
    if form is Format.YAML:
        text = export_yaml(arch, output, force=force, run=run, trial=record)
    else:
        text = export_python(arch, output, force=force, run=run, trial=record)
    if output is None:
        print(text, end="")
    else:
        out.print(f"{form.value}: {output}", soft_wrap=True)


def _chosen(
    source: str, trial: str, runs_dir: Path
) -> tuple[Arch, RunRecord | None, TrialRecord | None]:
    if source.endswith((".yaml", ".yml")):
        return load_arch(source), None, None
    run = load_run(source, runs_dir)
    record = choose(run, trial)
    return record.arch, run, record
