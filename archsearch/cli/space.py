"""``archsearch space``: check a search space, count it, and show what is in it."""

from typing import Annotated, Any

import numpy as np
import typer
from rich.progress import track
from rich.table import Table

from archsearch.arch import summary
from archsearch.cli.console import err, out
from archsearch.cli.plain import AsCsv, AsJson, check_one, print_csv, print_json
from archsearch.cost import GATE, Probe, count_arch
from archsearch.space import SearchSpace, load_space


def space(
    file: Annotated[str, typer.Argument(help="Space file, or the name of one we ship.")],
    samples: Annotated[
        int, typer.Option(min=3, help="Architectures drawn for the extremes.")
    ] = 100,
    latency: Annotated[
        bool, typer.Option("--latency", help="Measure the latency of 15 of them too.")
    ] = False,
    show: Annotated[int, typer.Option(min=0, help="Sampled architectures to show.")] = 3,
    seed: Annotated[int, typer.Option(help="Of the samples.")] = 0,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Check a space, and print its size and the smallest, median and largest costs in it."""
    check_one(as_json, as_csv)
    loaded = load_space(file)
    if as_csv:
        print_csv(
            [
                {
                    "parameter": each.name,
                    "conditional": each.conditional,
                    "values": " ".join(str(value) for value in each.values),
                }
                for each in loaded.parameters.values()
            ]
        )
        return
    facts = _facts(loaded, samples, latency, seed)
    if as_json:
        print_json(facts)
        return
    out.print(f"{loaded.name}: {facts['configurations']:,} configurations", soft_wrap=True)
    if facts["distinct"] is not None:
        out.print(f"{facts['distinct']:,} distinct architectures")
    out.print(_parameters(loaded))
    if loaded.is_flat:
        return
    out.print(_extremes(facts))
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


def _parameters(space: SearchSpace) -> Table:
    table = Table("parameter", "values", box=None, pad_edge=False)
    for parameter in space.parameters.values():
        indent = "  " if parameter.conditional else ""
        values = ", ".join(str(value) for value in parameter.values)
        table.add_row(indent + parameter.name, values)
    return table


_UNITS = {"params": (1e6, "M params"), "macs": (1e6, "M MACs"), "latency_ms": (1.0, "ms")}


def _extremes(facts: dict[str, Any]) -> Table:
    table = Table("sampled", "smallest", "median", "largest", box=None, pad_edge=False)
    for name, values in facts["sampled"].items():
        scale, unit = _UNITS[name]
        table.add_row(unit, *(f"{values[key] / scale:.3g}" for key in values))
    return table
