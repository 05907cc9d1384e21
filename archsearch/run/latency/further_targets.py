"""Measures latency at further targets, beside the first one."""

import contextlib
from collections.abc import Callable, Iterator, Mapping

from archsearch.cluster import Quiet
from archsearch.cost import Probe
from archsearch.cost.device import choose_device
from archsearch.run.latency.latency_target import FurtherTarget
from archsearch.run.latency.measurement import LatencyMeasurer


@contextlib.contextmanager
def open_further(
    targets: Mapping[str, FurtherTarget], quiet: Quiet, say: Callable[[str], None]
) -> Iterator[dict[str, LatencyMeasurer]]:
    """Open what measures at further targets of this machine; targets of a device share a process.

    Args:
        targets: by the name of their objective.
        quiet: keeps training and measurements of this machine apart.
        say: prints a line.

    Yields:
        a measurer for each target, by the same names.
    """
    with contextlib.ExitStack() as stack:
        probes: dict[tuple[str, int], Probe] = {}
        measurers = {}
        for name, target in targets.items():
            device = choose_device(target.device, f"targets.{name.removesuffix('_ms')}")
            place = (device, target.threads)
            if place not in probes:
                probes[place] = stack.enter_context(Probe(*place))
            measurers[name] = LatencyMeasurer(probes[place], quiet, target, say=say)
        yield measurers
