"""``archsearch profile``: what a network costs, whole and by part."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from archsearch.arch import summary, value_from
from archsearch.arch.architecture import Arch
from archsearch.cli.console import out, say
from archsearch.cli.profile_comparison import compare as compare_networks
from archsearch.cli.profile_facts import facts_of
from archsearch.cli.profile_targets import chosen as chosen_target
from archsearch.cli.shared_options import (
    Device,
    Dtype,
    RunsDir,
    Runtime,
    SizeText,
    Threads,
    TrialChoice,
    size_problems,
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
from archsearch.cost import COMPARE, FINAL, LatencyProtocol, Probe, Target, profile_target
from archsearch.cost.measured_network import InputShape, fitted
from archsearch.cost.profile import UnitProfile
from archsearch.cost.runtimes import check_runtime
from archsearch.errors import InputError, Problem
from archsearch.export import fuse
from archsearch.image_size import read_size
from archsearch.model import build_model
from archsearch.percent import percent_text
from archsearch.report.plain_table import PlainTable
from archsearch.report.table_column import Column, tabulate
from archsearch.yaml_source import YamlSource


def command(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="TARGET...",
            help="Arch file, run (with --trial) or RUN/TRIAL, zoo:NAME, timm:NAME, "
            "package.module:function, or a Python file (model.py, model.py:FUNCTION) whose "
            "function returns a network; two or more with --compare.",
        ),
    ],
    compare: Annotated[
        bool,
        typer.Option(
            "--compare",
            help="Measure two or more networks by turns, and print the ratios of their latencies.",
        ),
    ] = False,
    trial: TrialChoice = "best",
    device: Device = "cpu",
    threads: Threads = 1,
    batch: Annotated[
        int | None,
        typer.Option(min=1, help="Images of one inference. [default: that of --input, or 1]"),
    ] = None,
    dtype: Dtype = "float32",
    runtime: Runtime = "eager",
    image_size: SizeText = None,
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
    """Print parameters, multiply-adds, memory and latency of a network, whole and by part.

    With --compare: latencies of several networks, measured by turns, and their ratios.
    """
    kind = table_format(format_, as_json, as_csv)
    size, batch_size = _size(image_size, shape, batch)
    wanted: dict[str, Any] = {"batch_size": batch_size, "dtype": dtype, "runtime": runtime}
    preset = COMPARE if compare else FINAL
    protocol = value_from(LatencyProtocol, YamlSource("", {**preset.to_dict(), **wanted}))
    if latency or compare:
        check_runtime(runtime, device, dtype)

    def named(name: str) -> Target:
        found = chosen_target(name, trial, runs_dir)
        return fitted(found, size) if isinstance(found, Arch) else found

    if compare:

        def prepared(name: str) -> Target:
            return _fused(named(name)) if fused else named(name)

        compare_networks(targets, prepared, size, protocol, device, threads, kind)
        return
    network = named(targets[0])
    chosen = _fused(network) if fused else network
    if isinstance(network, Arch):
        size = None
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
    table = parts_table(result.units)
    if kind != "table":
        print_tables([table], kind, result.model_dump(mode="json"))
        return
    if isinstance(network, Arch):
        out.print(summary(network), soft_wrap=True)
    print_facts(facts_of(result))
    if parts:
        print_tables([table], kind)


def parts_table(units: Sequence[UnitProfile]) -> PlainTable:
    """Return what each part of a network costs."""
    return tabulate("", _PART_COLUMNS, units)


def check(values: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with the values by themselves."""
    count, compares = len(values["targets"] or ()), values["compare"]
    problems = []
    if compares and count == 1:
        rule = "needs two networks or more"
        problems.append(Problem("--compare", rule, remedy="name another one to compare with"))
    if not compares and count > 1:
        rule = "takes one network without --compare"
        remedy = "add --compare to measure them by turns"
        problems.append(Problem("profile", rule, remedy=remedy))
    if compares and not values["latency"]:
        problems.append(Problem("--no-latency", "cannot go with --compare"))
    return problems + size_problems(values["image_size"])


def _size(size: str | None, shape: str | None, batch: int | None) -> tuple[InputShape | None, int]:
    """Return the shape of one image, or its size, and the number of images."""
    if shape is None:
        return None if size is None else read_size(size, "--image-size"), batch or 1
    try:
        sizes = tuple(int(each) for each in re.split(r"[,x\s]+", shape.strip("()[] ")))
    except ValueError:
        sizes = ()
    if len(sizes) not in (3, 4) or min(sizes) < 1:
        rule = "must be the sizes B,C,H,W or C,H,W, whole numbers of at least 1"
        raise InputError(Problem("--input", rule, shape, "e.g. --input 1,3,224,224"))
    own_batch = sizes[0] if len(sizes) == 4 else batch or 1
    problems = []
    if size is not None:
        remedy = "leave out one of the two"
        problems.append(Problem("--image-size", "cannot go with --input", None, remedy))
    if batch not in (None, own_batch):
        problems.append(
            Problem("--batch", f"must be {own_batch}, the first number of --input", batch)
        )
    if problems:
        raise InputError(problems)
    return sizes[-3:], own_batch


def _fused(target: Target) -> Target:
    if not isinstance(target, Arch):
        rule = f"folds archsearch's own blocks, which {target} does not have"
        raise InputError(Problem("--fuse", rule, None, "name an Arch file, a run or zoo:NAME"))
    return fuse(build_model(target, seed=0))


def _number(name: str, digits: int = 3) -> Callable[[UnitProfile], str]:
    """Return how a number of a part that may not have been measured reads."""

    def text(unit: UnitProfile) -> str:
        value = getattr(unit, name)
        return "" if value is None else f"{value:.{digits}f}"

    return text


def _is_timed(units: Sequence[UnitProfile]) -> bool:
    return any(unit.time_ms is not None for unit in units)


#: the columns that people read; programs get every field of a part
_READ: dict[str, Column[UnitProfile]] = {
    "name": Column(
        "name",
        lambda unit: unit.name,
        "part",
        lambda unit: f"{'  ' if unit.parent else ''}{unit.name}",
        words=True,
    ),
    "kind": Column("kind", lambda unit: unit.kind, "kind", words=True, minor=4),
    "params": Column(
        "params", lambda unit: unit.params, "params", lambda u: f"{u.params:,}", minor=2
    ),
    "macs": Column("macs", lambda unit: unit.macs, "MACs", lambda u: f"{u.macs:,}", minor=3),
    "time_ms": Column(
        "time_ms", lambda unit: unit.time_ms, "ms", _number("time_ms"), shown=_is_timed
    ),
    "share": Column(
        "share",
        lambda unit: unit.share,
        "share",
        lambda unit: "" if unit.share is None else f"{percent_text(unit.share)} %",
        shown=_is_timed,
    ),
    "bound_ms": Column(
        "bound_ms",
        lambda unit: unit.bound_ms,
        "floor ms",
        _number("bound_ms"),
        minor=1,
        shown=_is_timed,
    ),
}


def _field(name: str) -> Column[UnitProfile]:
    return Column(name, lambda unit: getattr(unit, name))


_PART_COLUMNS: tuple[Column[UnitProfile], ...] = tuple(
    _READ.get(name) or _field(name) for name in UnitProfile.model_fields
)
