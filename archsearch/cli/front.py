"""``archsearch front``: the Pareto table of a run."""

import json
from pathlib import Path
from typing import Annotated

import typer

from archsearch.cli.console import out
from archsearch.report import baseline_table, front_points, front_table, front_text
from archsearch.search import load_run


def front(
    run: Annotated[str, typer.Argument(help="Folder of a run, or its name.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    runs_dir: Annotated[Path, typer.Option(help="Folder of all runs.")] = Path("runs"),
) -> None:
    """Print the Pareto front of a run; it may still be going on."""
    record = load_run(run, runs_dir)
    if as_json:
        print(json.dumps(front_points(record), indent=2))
    else:
        out.print(front_table(record))
        out.print(front_text(record, width=min(72, out.width)), markup=False)
        known = baseline_table(record)
        if known is not None:
            out.print(known)
