"""``archsearch doctor``: check the machine and the installation.

Nothing here imports torch: it may be what is broken.
"""

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from archsearch.activity import doing
from archsearch.cli.console import out
from archsearch.cli.shared_options import JsonOnly, RunsDir
from archsearch.doctor import CHECKS, Finding, examine

_STYLES = {"ok": "green", "note": "yellow", "problem": "red"}


def command(
    runs_dir: RunsDir = Path("runs"),
    as_json: JsonOnly = False,
    all_: Annotated[bool, typer.Option("--all/--notes", help="Print what is fine as well.")] = True,
) -> None:
    """Check versions, devices, limits, storage and other processes for what would go wrong.

    Exit code 1 if something would make a run fail.
    """
    found: dict[str, list[Finding]] = {}
    titles = list(CHECKS)
    with doing("looking at this machine", total=len(titles)) as activity:
        for number, (title, findings) in enumerate(examine(runs_dir), 1):
            found[title] = findings
            if number < len(titles):
                activity.progress(titles[number], number, len(titles))
            if not as_json:
                _print(title, [f for f in findings if all_ or f.level != "ok"])
    every = [each for findings in found.values() for each in findings]
    problems = sum(each.level == "problem" for each in every)
    if as_json:
        data = {title: [dataclasses.asdict(f) for f in fs] for title, fs in found.items()}
        print(json.dumps({"problems": problems, "findings": data}, indent=2))
    else:
        notes = sum(each.level == "note" for each in every)
        out.print(f"{len(every)} looked at: {problems} problems, {notes} notes", soft_wrap=True)
    if problems:
        raise typer.Exit(1)


def _print(title: str, findings: list[Finding]) -> None:
    if not findings:
        return
    table = Table.grid(padding=(0, 2))
    for _ in range(3):
        table.add_column(overflow="fold")
    for each in findings:
        advice = "; ".join(part for part in (each.means, each.remedy) if part)
        text = Text(each.value)
        if advice:
            text.append(f"\n{advice}", style="dim" if each.level == "ok" else "")
        table.add_row(Text(each.level, style=_STYLES[each.level]), Text(each.name), text)
    out.print(Text(title, style="bold"))
    out.print(table, soft_wrap=False)
