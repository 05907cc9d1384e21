"""``archsearch profile``: what a network costs, whole and by part."""

import difflib
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from archsearch import zoo
from archsearch.analysis import choose
from archsearch.arch import load_arch, summary, value_from
from archsearch.arch.architecture import Arch
from archsearch.cli.console import out, say
from archsearch.cli.shared_options import (
    Device,
    Dtype,
    RunsDir,
    Runtime,
    Threads,
    TrialChoice,
)
from archsearch.cli.table_output import (
    AsCsv,
    AsJson,
    TableFormat,
    print_facts,
    print_tables,
    table_format,
)
from archsearch.cluster import machine_lock, quiet_or_not
from archsearch.cost import FINAL, LatencyProtocol, Probe, Profile, Target, profile_target
from archsearch.cost.fvcore_counts import PRODUCTS
from archsearch.cost.measured_network import fitted
from archsearch.cost.profile import UnitProfile
from archsearch.errors import InputError, Problem
from archsearch.export import fuse
from archsearch.files import is_file
from archsearch.model import build_model
from archsearch.percent import percent_text
from archsearch.report.latency_verdicts import SITTING
from archsearch.report.table_column import Column, tabulate
from archsearch.run import load_run
from archsearch.yaml_source import YamlSource


def command(
    target: Annotated[
        str,
        typer.Argument(
            help="Arch file, run (with --trial), zoo:NAME, timm:NAME, package.module:function, "
            "or a Python file (model.py, model.py:FUNCTION) whose function returns a network."
        ),
    ],
    trial: TrialChoice = "best",
    device: Device = "cpu",
    threads: Threads = 1,
    batch: Annotated[
        int | None,
        typer.Option(min=1, help="Images of one inference. [default: that of --input, or 1]"),
    ] = None,
    dtype: Dtype = "float32",
    runtime: Runtime = "eager",
    image_size: Annotated[
        int | None,
        typer.Option(min=1, help="Side of the image. [default: the network's own]"),
    ] = None,
    shape: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="B,C,H,W",
            help="Shape of the input, e.g. 1,3,224,224; without the batch 3,224,224. For networks "
            "that do not say what they take. [default: the network's own]",
        ),
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
    size, batch_size = _size(image_size, shape, batch)
    named = _chosen(target, trial, runs_dir)
    if isinstance(named, Arch):
        named, size = fitted(named, size), None
    chosen = _fused(named) if fused else named
    wanted: dict[str, Any] = {"batch_size": batch_size, "dtype": dtype, "runtime": runtime}
    protocol = value_from(LatencyProtocol, YamlSource("", {**FINAL.to_dict(), **wanted}))
    if latency:
        with Probe(device, threads) as probe:
            result = profile_target(
                chosen,
                probe,
                protocol,
                input_shape=size,
                quiet=lambda: quiet_or_not(machine_lock().measuring("measuring one network"), say),
            )
    else:
        result = profile_target(chosen, None, protocol, input_shape=size)
    table = tabulate("", _PART_COLUMNS, result.units)
    if kind != "table":
        print_tables([table], kind, result.model_dump(mode="json"))
        return
    if isinstance(named, Arch):
        out.print(summary(named), soft_wrap=True)
    print_facts(_whole(result))
    if parts:
        print_tables([table], kind)


def _size(
    side: int | None, shape: str | None, batch: int | None
) -> tuple[tuple[int, ...] | int | None, int]:
    """Return the shape of one image, or its side, and the number of images."""
    if shape is None:
        return side, batch or 1
    try:
        sizes = tuple(int(each) for each in re.split(r"[,x\s]+", shape.strip("()[] ")))
    except ValueError:
        sizes = ()
    if len(sizes) not in (3, 4) or min(sizes) < 1:
        rule = "must be the sizes B,C,H,W or C,H,W, whole numbers of at least 1"
        raise InputError(Problem("--input", rule, shape, "e.g. --input 1,3,224,224"))
    own_batch = sizes[0] if len(sizes) == 4 else batch or 1
    problems = []
    if side is not None:
        remedy = "leave out one of the two"
        problems.append(Problem("--image-size", "cannot go with --input", None, remedy))
    if batch not in (None, own_batch):
        problems.append(
            Problem("--batch", f"must be {own_batch}, the first number of --input", batch)
        )
    if problems:
        raise InputError(problems)
    return sizes[-3:], own_batch


def _chosen(target: str, trial: str, runs_dir: Path) -> Target:
    if target.startswith("zoo:"):
        return zoo.arch(target.removeprefix("zoo:"))
    if target.endswith((".yaml", ".yml")):
        return load_arch(target)
    if target.endswith(".py") or (":" in target and not Path(target).is_dir()):
        return target
    try:
        return choose(load_run(target, runs_dir), trial).arch
    except InputError as error:
        if _exists(target) or _exists(runs_dir / target):
            raise
        raise InputError(_unknown(target, error)) from None


def _exists(path: str | Path) -> bool:
    # what no file system takes as a name is not there
    return is_file(path) or os.path.isdir(path)


def _unknown(target: str, error: InputError) -> Problem:
    """Say what a name may have stood for: a network of timm's or of the zoo's, or a run."""
    import timm  # takes as long as torch

    known = {name: f"zoo:{name}" for name in zoo.names()}
    known |= {name: f"timm:{name}" for name in timm.list_models() if name not in known}
    close = difflib.get_close_matches(target, known, n=3, cutoff=0.75)
    close = [target] if target in known else close
    if is_file(f"{target}.py"):
        remedy = f"did you mean {target}.py?"
    elif close:
        remedy = f"did you mean {' or '.join(known[name] for name in close)}?"
    else:
        remedy = error.problems[0].remedy or "name zoo:NAME, timm:NAME, a file or a run"
    rule = "is no run, and neither zoo:NAME, timm:NAME nor a file (.yaml, .py)"
    return Problem(target, rule, remedy=remedy)


def _fused(target: Target) -> Target:
    if not isinstance(target, Arch):
        rule = f"folds archsearch's own blocks, which {target} does not have"
        raise InputError(Problem("--fuse", rule, None, "name an Arch file, a run or zoo:NAME"))
    return fuse(build_model(target, seed=0))


def _whole(profile: Profile) -> list[tuple[str, str]]:
    facts = []
    facts.append(("params", f"{profile.params:,}"))
    facts.append(("MACs", f"{profile.macs:,}"))
    if profile.fvcore_by_operator is not None:
        facts.append(("MACs, fvcore", _beside(profile.fvcore_by_operator, profile.macs)))
    for name, calls in profile.unsupported.items():
        facts.append(("not counted", f"{name} ({calls} calls)"))
    for dtype, size in profile.weight_bytes.items():
        facts.append((f"weights, {dtype}", f"{size / 2**20:.2f} MiB"))
    facts.append(("activations, inference", _mebibytes(profile.inference_bytes)))
    facts.append(("activations, training", _mebibytes(profile.training_bytes)))
    known = profile.latency
    if known is not None:
        ends = known.interval_ms
        spread = f"{SITTING} {ends[0]:.3f} to {ends[1]:.3f}" if ends else "spread unknown"
        facts.append(
            (
                "latency",
                f"{known.median_ms:.3f} ms ({spread}, p90 "
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


def _beside(theirs: Mapping[str, int], ours: int) -> str:
    """Return fvcore's count, and what it counts otherwise than we do."""
    total = sum(theirs.values())
    others = {name: macs for name, macs in theirs.items() if name not in PRODUCTS}
    parts = []
    if others:
        named = ", ".join(name.replace("_", " ") for name in sorted(others, key=others.__getitem__))
        parts.append(f"{sum(others.values()):,} of them for {named}, which hold no MACs here")
    if gap := total - sum(others.values()) - ours:
        parts.append(f"{abs(gap):,} {'more' if gap > 0 else 'fewer'} in products")
    return "; ".join([f"{total:,}", *parts])


def _mebibytes(size: int | None) -> str:
    if size is None:
        return "not known: the network looks at the values of its images"
    return f"{size / 2**20:.2f} MiB"


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
