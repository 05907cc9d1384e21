"""A network that ends the probe is a failed candidate; a probe that always ends ends the run."""

import contextlib

import pytest

from archsearch.arch import Arch
from archsearch.cluster import OtherMachine
from archsearch.errors import ProbeError, TrialError
from archsearch.record import LatencyResult
from archsearch.run.latency.latency_target import LatencyTarget
from archsearch.run.latency.measurement import LatencyMeasurer
from archsearch.space import load_space
from tests.run.conftest import result


class EndingProbe:
    """Ends on every network of some widths, as one that runs out of memory does."""

    def __init__(self, widths: set[int]) -> None:
        self.widths = widths
        self.calls = 0

    def prepare(self, target: Arch, protocol: object) -> None:
        """Build nothing."""

    def measure(self, target: Arch, protocol: object) -> LatencyResult:
        self.calls += 1
        if target.stages[0].width in self.widths:
            raise ProbeError("the latency probe ended (exit code -9)")
        return result(1.0)


def archs_of(widths: list[int]) -> list[Arch]:
    space = load_space("tiny")
    first = next(iter(space.enumerate()))
    arch = space.arch(first)
    stages = arch.stages
    return [arch.changed(stages=(stages[0].changed(width=width), *stages[1:])) for width in widths]


@pytest.mark.parametrize(
    ("widths", "ending"),
    [([16, 32, 16], {32}), ([32, 16, 32, 16, 32, 16], {32}), ([32, 32, 16, 32, 32], {32})],
)
def test_a_network_that_ends_the_probe_fails_alone(widths: list[int], ending: set[int]) -> None:
    probe = EndingProbe(ending)
    found = LatencyMeasurer(probe, OtherMachine(), LatencyTarget()).measure(archs_of(widths))
    assert [isinstance(each, TrialError) for each in found] == [each in ending for each in widths]
    assert probe.calls == sum(3 if width in ending else 1 for width in widths)


def test_a_probe_that_ends_on_every_network_ends_the_run() -> None:
    measurer = LatencyMeasurer(EndingProbe({16}), OtherMachine(), LatencyTarget())
    with contextlib.suppress(ProbeError):
        measurer.measure(archs_of([16, 16]))
    with pytest.raises(ProbeError, match="exit code -9"):
        measurer.measure(archs_of([16]))
