"""``archsearch zoo``: the papers' models; with ``--compare``, measured beside published."""

from pathlib import Path
from typing import Annotated, Any

import typer

from archsearch import zoo as models
from archsearch.arch import Arch, summary
from archsearch.cli.console import err, out
from archsearch.cli.options import Device, Threads, check_output
from archsearch.cli.plain import AsCsv, AsJson, check_one, print_csv, print_json
from archsearch.cost import Probe, count_arch, current_environment
from archsearch.report.zoo_page import write_zoo_page
from archsearch.report.zoo_tables import comparison_table, zoo_table
from archsearch.zoo.compare import LATENCY, THROUGHPUT, Row, compare


def zoo(
    names: Annotated[
        list[str] | None, typer.Argument(help="Models. [default: all, and the papers' baselines]")
    ] = None,
    measured: Annotated[
        bool, typer.Option("--compare", help="Measure here, beside the published figures.")
    ] = False,
    device: Device = "cpu",
    threads: Threads = 1,
    batch: Annotated[
        int, typer.Option(min=0, help="Images of a batch, for throughput; 0 leaves it out.")
    ] = THROUGHPUT.batch_size,
    page: Annotated[
        Path | None, typer.Option(help="Write a page: accuracy against latency.")
    ] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List the papers' models, or measure them beside their published figures."""
    check_one(as_json, as_csv)
    if page is not None:
        check_output(page, "--page")
    if measured or page is not None:
        rows = _compare(names, device, threads, batch, page)
        if as_json:
            print_json([row.to_dict() for row in rows])
        elif as_csv:
            print_csv([_flat_row(row) for row in rows])
        else:
            out.print(comparison_table(rows))
        return
    chosen = [(name, models.arch(name)) for name in names or models.names()]
    counted = [(name, arch, *_counts(arch)) for name, arch in chosen]
    if as_json:
        listed = {name: {"params": params, "macs": macs} for name, _, params, macs in counted}
        print_json(listed)
    elif as_csv:
        print_csv(
            [
                {"model": name, "params": params, "macs": macs, "architecture": summary(arch)}
                for name, arch, params, macs in counted
            ]
        )
    else:
        out.print(zoo_table(counted))


def _counts(arch: Arch) -> tuple[int, int]:
    counts = count_arch(arch)
    return counts.params, counts.macs


def _compare(
    names: list[str] | None, device: str, threads: int, batch: int, page: Path | None
) -> list[Row]:
    throughput = THROUGHPUT.model_copy(update={"batch_size": batch}) if batch else None
    with err.status("measuring") as status, Probe(device, threads) as probe:
        rows = compare(
            names or None,
            probe,
            latency=LATENCY,
            throughput=throughput,
            progress=lambda model: status.update(f"measuring {model.label}"),
        )
    if page is not None:
        err.print(f"written: {write_zoo_page(rows, current_environment(device), page)}")
    return list(rows)


def _flat_row(row: Row) -> dict[str, Any]:
    """Return the numbers of a row; where they were published stands in the JSON."""
    known, here = row.published, row.measured
    latency = here.latency if here else None
    return {
        "paper": known.paper,
        "model": known.label,
        "published_top1": known.top1.value if known.top1 else None,
        "params": here.params if here else None,
        "macs": here.macs if here else None,
        "latency_ms": latency.median_ms if latency else None,
        "latency_interval_ms": list(latency.interval_ms) if latency else [None, None],
        "images_per_s": here.images_per_s if here else None,
    }
