"""``archsearch calibrate``: measure the sub-blocks of a space, so that latency can be predicted."""

import contextlib
import json
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import typer

from archsearch.arch import value_from
from archsearch.cli.console import say
from archsearch.cli.shared_options import (
    Batch,
    Device,
    Dtype,
    JsonOnly,
    Runtime,
    SizeText,
    Threads,
    check_output,
    size_problems,
)
from archsearch.cli.table_output import print_facts
from archsearch.cluster import machine_lock, quiet_or_not
from archsearch.cost import (
    GATE,
    LatencyProtocol,
    LatencyTable,
    Probe,
    TableKey,
    calibrate_table,
    current_environment,
    table_path,
)
from archsearch.cost.int8_instructions import slow_int8_note
from archsearch.cost.runtimes import check_runtime
from archsearch.duration import seconds_of
from archsearch.errors import Problem, TrialError
from archsearch.image_size import read_size
from archsearch.percent import percent_text
from archsearch.space import load_space
from archsearch.yaml_source import YamlSource

_POOL = 800


def command(
    space: Annotated[str, typer.Argument(help="Space file, or the name of one we ship.")],
    time_limit: Annotated[str, typer.Option(help="Longest calibration, e.g. 90s or 5m.")] = "3m",
    image_size: SizeText = None,
    num_classes: Annotated[
        int | None, typer.Option(min=1, help="Classes of the head. [default: the space's own]")
    ] = None,
    device: Device = "cpu",
    threads: Threads = 1,
    batch: Batch = 1,
    dtype: Dtype = "float32",
    runtime: Runtime = "eager",
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Discard the measurements of this machine's table.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the sampled architectures.")] = 0,
    as_json: JsonOnly = False,
) -> None:
    """Measure the sub-blocks of a space and keep them; `run` predicts latency with them.

    The table belongs to this machine, its software and the protocol, and is kept in the user's
    cache (or in $ARCHSEARCH_CACHE). Calibrating again adds to it.
    """
    limit_s = seconds_of(time_limit)
    loaded = load_space(space)
    wanted: dict[str, Any] = {"batch_size": batch, "dtype": dtype, "runtime": runtime}
    protocol = value_from(LatencyProtocol, YamlSource("", {**GATE.to_dict(), **wanted}))
    check_runtime(runtime, device, protocol.dtype)
    if note := slow_int8_note(protocol.dtype):
        say(note)
    size = None if image_size is None else read_size(image_size, "--image-size")
    changes = {"image_size": size, "num_classes": num_classes}
    changed = {name: value for name, value in changes.items() if value is not None}
    rng = np.random.default_rng(seed)
    key = TableKey.of(current_environment(device), protocol, threads)
    check_output(table_path(key), "the cache ($ARCHSEARCH_CACHE)")
    archs = [
        loaded.arch(loaded.sample(rng)).model_copy(update=changed).canonical() for _ in range(_POOL)
    ]
    table = LatencyTable(key) if fresh else LatencyTable.load(key)
    with Probe(device, threads) as probe:
        with contextlib.suppress(TrialError):  # it starts before the machine is held
            probe.prepare(archs[0], protocol)
        quiet = machine_lock().measuring(f"calibrating {loaded.name}", limit_s)
        with quiet_or_not(quiet, say):
            try:
                coverage = calibrate_table(
                    table, probe, archs, protocol=protocol, time_limit_s=limit_s
                )
            finally:
                table.save()
    facts = {
        "space": loaded.name,
        "file": str(table_path(key)),
        "seconds": round(coverage.seconds, 1),
        "networks": coverage.networks,
        "known_parts": coverage.known,
        "parts": coverage.parts,
        "known_share": table.known_share(archs),
        "shortfall": coverage.shortfall(limit_s),
        "checked_networks": (error := table.held_out_error())[0],
        "median_error": error[1],
        "key": key.to_dict(),
    }
    if as_json:
        print(json.dumps(facts, indent=2))
    else:
        print_facts(_summary(facts))


def check(values: Mapping[str, Any]) -> list[Problem]:
    """Return the problems of the options by themselves."""
    return size_problems(values["image_size"])


def _summary(facts: dict[str, Any]) -> list[tuple[str, str]]:
    known = percent_text(facts["known_share"])
    rows = [
        ("sub-blocks", f"{facts['known_parts']} of {facts['parts']}, {known} % of occurrences"),
        ("networks", f"{facts['networks']} in {facts['seconds']:.0f} s"),
    ]
    if facts["shortfall"]:
        rows.append(("missing because", facts["shortfall"]))
    if facts["checked_networks"]:
        error = percent_text(facts["median_error"])
        checked = f"{facts['checked_networks']} networks measured whole: median error {error} %"
        rows.append(("checked on", checked))
    return [*rows, ("device", facts["key"]["device"]), ("kept in", facts["file"])]
