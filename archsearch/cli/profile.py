"""``archsearch profile``: what a network costs, whole and by part."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from archsearch import zoo
from archsearch.analysis import choose
from archsearch.arch import load_arch, summary, value_from
from archsearch.arch.architecture import Arch
from archsearch.cli.console import out, say
from archsearch.cli.options import Batch, Device, Dtype, RunsDir, Runtime, Threads, TrialChoice
from archsearch.cli.plain import (
    AsCsv,
    AsJson,
    TableFormat,
    print_facts,
    print_tables,
    table_format,
)
from archsearch.cluster import machine_lock, quiet_or_not
from archsearch.cost import FINAL, LatencyProtocol, Probe, Profile, Target, profile_target
from archsearch.cost.profile import UnitProfile
from archsearch.errors import InputError, Problem
from archsearch.export import fuse
from archsearch.model import build_model
from archsearch.percent import percent_text
from archsearch.report.column import Column, tabulate
from archsearch.search import load_run
from archsearch.yaml_source import YamlSource


def profile(
    target: Annotated[
        str,
        typer.Argument(
            help="Arch file, run (with --trial), zoo:NAME, timm:NAME, package.module:function, "
            "or an exported file (model.py, model.py:create_model)."
        ),
    ],
    trial: TrialChoice = "best",
    device: Device = "cpu",
    threads: Threads = 1,
    batch: Batch = 1,
    dtype: Dtype = "float32",
    runtime: Runtime = "eager",
    image_size: Annotated[
        int | None, typer.Option(help="Side of the image. [default: the network's own]")
    ] = None,
    fused: Annotated[
        bool, typer.Option("--fuse", help="Fold batch norms and more into convolutions first.")
    ] = False,
    latency: Annotated[
        bool, typer.Option("--latency/--no-latency", help="Measure, or only count.")
    ] = True,
    parts: Annotated[bool, typer.Option("--parts/--no-parts", help="List the parts.")] = True,
    format_: TableFormat = "table",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Print parameters, multiply-adds, memory and latency of a network, whole and by part."""
    kind = table_format(format_, as_json, as_csv)
    named = _chosen(target, trial, image_size, runs_dir)
    chosen = _fused(named) if fused else named
    wanted: dict[str, Any] = {"batch_size": batch, "dtype": dtype, "runtime": runtime}
    protocol = value_from(LatencyProtocol, YamlSource("", {**FINAL.to_dict(), **wanted}))
    shape = (3, image_size, image_size) if image_size and isinstance(chosen, str) else None
    if latency:
        with (
            Probe(device, threads) as probe,
            quiet_or_not(machine_lock().measuring("measuring one network"), say),
        ):
            result = profile_target(chosen, probe, protocol, input_shape=shape)
    else:
        result = profile_target(chosen, None, protocol, input_shape=shape)
    table = tabulate("", _PART_COLUMNS, result.units)
    if kind != "table":
        print_tables([table], kind, result.model_dump(mode="json"))
        return
    if isinstance(named, Arch):
        out.print(summary(named), soft_wrap=True)
    print_facts(_whole(result))
    if parts:
        print_tables([table], kind)


def _chosen(target: str, trial: str, image_size: int | None, runs_dir: Path) -> Target:
    if target.startswith("zoo:"):
        arch = zoo.arch(target.removeprefix("zoo:"))
    elif target.endswith((".yaml", ".yml")):
        arch = load_arch(target)
    elif target.endswith(".py"):
        return f"{target}:create_model"
    elif ":" in target:
        return target
    else:
        arch = choose(load_run(target, runs_dir), trial).arch
    return arch.model_copy(update={"image_size": image_size}) if image_size else arch


def _fused(target: Target) -> Target:
    if not isinstance(target, Arch):
        raise InputError(
            Problem("--fuse", "knows archsearch's own blocks", str(target), "name an Arch file")
        )
    return fuse(build_model(target, seed=0))


def _whole(profile: Profile) -> list[tuple[str, str]]:
    facts = []
    facts.append(("params", f"{profile.params:,}"))
    facts.append(("MACs", f"{profile.macs:,}"))
    for name, calls in profile.unsupported.items():
        facts.append(("not counted", f"{name} ({calls} calls)"))
    for dtype, size in profile.weight_bytes.items():
        facts.append((f"weights, {dtype}", f"{size / 2**20:.2f} MiB"))
    facts.append(("activations, inference", f"{profile.inference_bytes / 2**20:.2f} MiB"))
    facts.append(("activations, training", f"{profile.training_bytes / 2**20:.2f} MiB"))
    known = profile.latency
    if known is not None:
        low, high = known.interval_ms
        facts.append(
            (
                "latency",
                f"{known.median_ms:.3f} ms (95 % interval {low:.3f} to {high:.3f}, p90 "
                f"{known.p90_ms:.3f}, n = {known.num_inferences}), {known.verdict}",
            )
        )
        facts.append(
            (
                "protocol",
                f"{known.runtime}, {known.dtype}, batch {known.batch_size}, {known.threads} "
                f"{'thread' if known.threads == 1 else 'threads'}, {known.memory_format}, "
                f"{known.device}",
            )
        )
    if profile.bound_ms is not None and profile.macs_per_s and profile.bytes_per_s:
        facts.append(
            (
                "floor of this machine",
                f"{profile.bound_ms:.3f} ms at {profile.macs_per_s / 1e9:.0f} GMAC/s and "
                f"{profile.bytes_per_s / 1e9:.0f} GB/s",
            )
        )
    return facts


def _number(name: str, digits: int = 3) -> Callable[[UnitProfile], str]:
    """Return how a number of a part that may not have been measured reads."""

    def text(unit: UnitProfile) -> str:
        value = getattr(unit, name)
        return "" if value is None else f"{value:.{digits}f}"

    return text


#: the columns that people read; programs get every field of a part
_READ: dict[str, Column[UnitProfile]] = {
    "name": Column(
        "name",
        lambda unit: unit.name,
        "part",
        lambda unit: f"{'  ' if unit.parent else ''}{unit.name}",
        words=True,
    ),
    "kind": Column("kind", lambda unit: unit.kind, "kind", words=True),
    "params": Column("params", lambda unit: unit.params, "params", lambda u: f"{u.params:,}"),
    "macs": Column("macs", lambda unit: unit.macs, "MACs", lambda u: f"{u.macs:,}"),
    "time_ms": Column("time_ms", lambda unit: unit.time_ms, "ms", _number("time_ms")),
    "share": Column(
        "share",
        lambda unit: unit.share,
        "share",
        lambda unit: "" if unit.share is None else f"{percent_text(unit.share)} %",
    ),
    "bound_ms": Column("bound_ms", lambda unit: unit.bound_ms, "floor ms", _number("bound_ms")),
}


def _field(name: str) -> Column[UnitProfile]:
    return Column(name, lambda unit: getattr(unit, name))


_PART_COLUMNS: tuple[Column[UnitProfile], ...] = tuple(
    _READ.get(name) or _field(name) for name in UnitProfile.model_fields
)
