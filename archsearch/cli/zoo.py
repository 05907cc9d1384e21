"""``archsearch zoo``: the papers' models; with ``--compare``, measured beside published."""

from pathlib import Path
from typing import Annotated

import typer

from archsearch import zoo as models
from archsearch.arch import Arch
from archsearch.cli.console import err
from archsearch.cli.shared_options import Device, Threads, check_output
from archsearch.cli.table_output import AsCsv, AsJson, TableFormat, print_tables, table_format
from archsearch.cost import Probe, count_arch, current_environment
from archsearch.report.zoo_page import write_zoo_page
from archsearch.report.zoo_tables import comparison_table, comparison_tables, zoo_table
from archsearch.zoo.published_comparison import LATENCY, THROUGHPUT, Row, compare


def command(
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
    format_: TableFormat = "table",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List the papers' models, or measure them beside their published figures."""
    kind = table_format(format_, as_json, as_csv)
    if page is not None:
        check_output(page, "--page")
    if measured or page is not None:
        rows = _compare(names, device, threads, batch, page)
        tables = comparison_tables(rows) if kind == "table" else [comparison_table(rows)]
        print_tables(tables, kind, [row.to_dict() for row in rows])
        return
    chosen = [(name, models.arch(name)) for name in names or models.names()]
    counted = [(name, arch, *_counts(arch)) for name, arch in chosen]
    listed = {name: {"params": params, "macs": macs} for name, _, params, macs in counted}
    print_tables([zoo_table(counted)], kind, listed)


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
