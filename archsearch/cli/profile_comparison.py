"""``archsearch profile --compare``: networks measured together, and their ratios."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from archsearch.activity import doing
from archsearch.cli.console import say
from archsearch.cli.profile_facts import INT8
from archsearch.cli.table_output import print_tables
from archsearch.cluster import machine_lock, quiet_or_not
from archsearch.cost import (
    LatencyProtocol,
    Probe,
    Target,
    build_target,
    compare_repeatedly,
    count_macs,
    count_params,
)
from archsearch.cost.int8_instructions import slow_int8_note
from archsearch.cost.measured_network import InputShape
from archsearch.errors import InputError, Problem
from archsearch.report.latency_comparison import (
    ComparedNetwork,
    comparison_data,
    comparison_tables,
    pairs_of,
)
from archsearch.report.latency_verdicts import why_not_steady
from archsearch.report.number_format import duration_text


class _Counted(NamedTuple):
    target: Target
    input_shape: tuple[int, int, int]
    params: int
    macs: int


def compare(
    names: Sequence[str],
    named: Callable[[str], Target],
    size: InputShape | None,
    protocol: LatencyProtocol,
    device: str,
    threads: int,
    kind: str,
) -> None:
    """Measure networks by turns and print what each takes, and their ratios.

    Args:
        names: as the user wrote them.
        named: name to network, an `Arch` fitted to ``size`` already.
        size: shape or side of the others' images; None takes their own.
        protocol: how they are measured.
        device: of the probe.
        threads: of the probe.
        kind: format of the tables.

    Raises:
        InputError: with the problems of all networks.
        TrialError: one cannot be run.
        ProbeError: the probe died.
    """
    counted = _counted(names, named, size, protocol.batch_size)
    with Probe(device, threads) as probe:
        found = compare_repeatedly(
            probe,
            [each.target for each in counted],
            protocol,
            input_shapes=[each.input_shape for each in counted],
            quiet=lambda: quiet_or_not(machine_lock().measuring("comparing networks"), say),
        )
    networks = [
        ComparedNetwork(name, each.input_shape, each.params, each.macs, latency)
        for name, each, latency in zip(names, counted, found.comparison.results, strict=True)
    ]
    notes = [
        f"{found.passes} passes, each by a fresh process, in {duration_text(found.seconds)}",
        "interval: for the ratio that another measurement finds (docs/latency.md)",
    ]
    if why := why_not_steady(found.comparison.results):
        words = sorted({each.verdict for each in found.comparison.results} - {"steady"})
        notes.append(f"why {' or '.join(words)}: {why}")
    if len({each.input_shape for each in counted}) > 1:
        notes.append("the networks take inputs of different sizes, each its own")
    if protocol.dtype == "int8":
        notes.append(f"int8: {INT8}")
    if note := slow_int8_note(protocol.dtype):
        notes.append(note)
    for name, result in zip(names, found.comparison.results, strict=True):
        if result.fallbacks:
            notes.append(f"fallbacks of {name}: {'; '.join(result.fallbacks)}")
    tables = comparison_tables(networks, pairs_of(networks, found.comparison.ratio), notes)
    data = comparison_data(
        tables, passes=found.passes, seconds=found.seconds, protocol=protocol.to_dict()
    )
    print_tables(tables, kind, data)


def _counted(
    names: Sequence[str],
    named: Callable[[str], Target],
    size: InputShape | None,
    batch_size: int,
) -> list[_Counted]:
    """Build and count every network; raise the problems of all."""
    problems: list[Problem] = []
    counted = []
    for name in names:
        try:
            with doing(f"building {name}"):
                target = named(name)
                # architectures, and modules made of them, have their size
                own = size if isinstance(target, str) else None
                built = build_target(target, own, batch_size=batch_size)
        except InputError as error:
            problems += error.problems
            continue
        with doing(f"counting {name}"):
            macs = count_macs(built.model, (1, *built.input_shape)).total
        counted.append(_Counted(target, built.input_shape, count_params(built.model), macs))
    if problems:
        raise InputError(problems)
    return counted
