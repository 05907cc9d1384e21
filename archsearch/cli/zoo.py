"""``archsearch zoo``: the papers' models; with ``--compare``, measured beside published."""

import json
from pathlib import Path
from typing import Annotated

import typer

from archsearch import zoo as models
from archsearch.arch import Arch
from archsearch.cli.console import err, out
from archsearch.cost import Probe, count_arch, current_environment
from archsearch.report.zoo_page import write_zoo_page
from archsearch.report.zoo_tables import comparison_table, zoo_table
from archsearch.zoo.compare import LATENCY, THROUGHPUT, compare


def zoo(
    names: Annotated[
        list[str] | None, typer.Argument(help="Models. [default: all, and the papers' baselines]")
    ] = None,
    measured: Annotated[
        bool, typer.Option("--compare", help="Measure here, beside the published figures.")
    ] = False,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N.")] = "cpu",
    threads: Annotated[int, typer.Option(help="Intra-op threads.")] = 1,
    batch: Annotated[
        int, typer.Option(min=0, help="Images of a batch, for throughput; 0 leaves it out.")
    ] = THROUGHPUT.batch_size,
    page: Annotated[
        Path | None, typer.Option(help="Write a page: accuracy against latency.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the papers' models, or measure them beside their published figures."""
    if measured or page is not None:
        _compare(names, device, threads, batch, page, as_json)
        return
    chosen = [(name, models.arch(name)) for name in names or models.names()]
    counted = [(name, arch, *_counts(arch)) for name, arch in chosen]
    if as_json:
        listed = {name: {"params": params, "macs": macs} for name, _, params, macs in counted}
        print(json.dumps(listed, indent=2))
    else:
        out.print(zoo_table(counted))


def _counts(arch: Arch) -> tuple[int, int]:
    counts = count_arch(arch)
    return counts.params, counts.macs


def _compare(
    names: list[str] | None, device: str, threads: int, batch: int, page: Path | None, as_json: bool
) -> None:
    throughput = THROUGHPUT.model_copy(update={"batch_size": batch}) if batch else None
    with err.status("measuring") as status, Probe(device, threads) as probe:
        rows = compare(
            names or None,
            probe,
            latency=LATENCY,
            throughput=throughput,
            progress=lambda model: status.update(f"measuring {model.label}"),
        )
    if as_json:
        print(json.dumps([row.to_dict() for row in rows], indent=2))
    else:
        out.print(comparison_table(rows))
    if page is not None:
        err.print(f"written: {write_zoo_page(rows, current_environment(device), page)}")
