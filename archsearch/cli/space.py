"""``archsearch space``: check a search space, count it, and show samples."""

from functools import partial
from typing import Annotated, Any

import numpy as np
import typer
from rich.progress import track

from archsearch.arch import summary
from archsearch.cli.console import err, out
from archsearch.cli.table_output import (
    AsCsv,
    AsJson,
    TableFormat,
    print_json,
    print_tables,
    table_format,
)
from archsearch.cost import GATE, Probe, count_arch
from archsearch.report.plain_table import PlainTable
from archsearch.report.table_column import Column, tabulate
from archsearch.space import SearchSpace, load_space
from archsearch.space.parameter import Parameter


def command(
    file: Annotated[str, typer.Argument(help="Space file, or the name of one we ship.")],
    samples: Annotated[
        int, typer.Option(min=3, help="Architectures drawn for the extremes.")
    ] = 100,
    latency: Annotated[
        bool, typer.Option("--latency", help="Measure the latency of 15 of them too.")
    ] = False,
    show: Annotated[int, typer.Option(min=0, help="Sampled architectures to show.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Of the samples.")] = 0,
    format_: TableFormat = "table",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Check a space, and print its size and the smallest, median and largest costs in it."""
    kind = table_format(format_, as_json, as_csv)
    loaded = load_space(file)
    parameters = tabulate("", _PARAMETER_COLUMNS, list(loaded.parameters.values()))
    if kind not in ("table", "json"):
        print_tables([parameters], kind)
        return
    facts = _facts(loaded, samples, latency, seed)
    if kind == "json":
        print_json(facts)
        return
    out.print(f"{loaded.name}: {facts['configurations']:,} configurations", soft_wrap=True)
    if facts["distinct"] is not None:
        out.print(f"{facts['distinct']:,} distinct architectures")
    print_tables([parameters], kind)
    if loaded.is_flat:
        return
    print_tables([_extremes(facts)], kind)
    rng = np.random.default_rng(seed)
    for _ in range(show):
        out.print(summary(loaded.arch(loaded.sample(rng))), soft_wrap=True)


def _facts(space: SearchSpace, samples: int, latency: bool, seed: int) -> dict[str, Any]:
    """Return size and sampled extremes as plain data."""
    facts: dict[str, Any] = {
        "name": space.name,
        "digest": space.digest,
        "configurations": space.count(),
        "distinct": space.count_distinct(20_000),
        "parameters": len(space.parameters),
        "values": {each.name: list(each.values) for each in space.parameters.values()},
        "sampled": {},
    }
    if space.is_flat:
        return facts
    rng = np.random.default_rng(seed)
    archs = [space.arch(space.sample(rng)) for _ in range(samples)]
    counts = [
        count_arch(arch)
        for arch in track(archs, "counting", console=err, transient=True, disable=samples < 50)
    ]
    facts["sampled"] = {
        "params": _three([count.params for count in counts]),
        "macs": _three([count.macs for count in counts]),
    }
    if latency:
        by_macs = np.argsort([count.macs for count in counts])
        chosen = by_macs[np.linspace(0, samples - 1, min(15, samples)).round().astype(int)]
        with Probe() as probe:
            measured = [
                probe.measure(archs[index], GATE).median_ms
                for index in track(chosen, "measuring", console=err, transient=True)
            ]
        facts["sampled"]["latency_ms"] = _three(measured)
    return facts


def _three(values: list[Any]) -> dict[str, float]:
    return {
        "smallest": float(min(values)),
        "median": float(np.median(values)),
        "largest": float(max(values)),
    }


_PARAMETER_COLUMNS: tuple[Column[Parameter], ...] = (
    Column(
        "parameter",
        lambda each: each.name,
        "parameter",
        lambda each: f"{'  ' if each.conditional else ''}{each.name}",
        words=True,
    ),
    Column("conditional", lambda each: each.conditional),
    Column(
        "values",
        # one cell, also where there are two numbers
        lambda each: " ".join(str(value) for value in each.values),
        "values",
        lambda each: ", ".join(str(value) for value in each.values),
        words=True,
    ),
)

_UNITS = {"params": (1e6, "M params"), "macs": (1e6, "M MACs"), "latency_ms": (1.0, "ms")}


def _extremes(facts: dict[str, Any]) -> PlainTable:
    rows = [
        (unit, {key: f"{value / scale:.3g}" for key, value in facts["sampled"][name].items()})
        for name, (scale, unit) in _UNITS.items()
        if name in facts["sampled"]
    ]
    columns: list[Column[tuple[str, dict[str, str]]]] = [
        Column("sampled", lambda row: row[0], "sampled", words=True)
    ]
    keys = ("smallest", "median", "largest")
    columns += [Column(key, partial(_entry, key), key) for key in keys]
    return tabulate("", columns, rows)


def _entry(key: str, row: tuple[str, dict[str, str]]) -> str:
    return row[1][key]
