"""A network that ends the probe is a failed candidate; a probe that always ends ends the run."""

import contextlib
from collections.abc import Iterator, Sequence

import pytest

from archsearch.arch import Arch
from archsearch.cluster import OtherMachine
from archsearch.cost import PASSES, Comparison
from archsearch.cost.measured_network import Target
from archsearch.errors import NotQuietError, ProbeError, TrialError
from archsearch.record import LatencyResult
from archsearch.run.latency.latency_target import LatencyTarget
from archsearch.run.latency.measurement import LatencyMeasurer
from archsearch.space import load_space
from tests.run.conftest import compared, result


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


class SeveralProcesses:
    """Finds every network at 1 ms times its place; each process has a ratio of its own."""

    def __init__(self) -> None:
        self.processes = 1
        self.sizes: list[int] = []

    def close(self) -> None:
        self.processes += 1

    def compare(self, targets: Sequence[Target], protocol: object) -> Comparison:
        self.sizes.append(len(targets))
        factor = 1.0 + 0.01 * self.processes
        return compared(*(result(place * factor**place) for place in range(1, 1 + len(targets))))


class Loud:
    """Training does not pause."""

    @contextlib.contextmanager
    def measuring(self, what: str = "", expected_s: float = 0.0) -> Iterator[float]:
        raise NotQuietError("training goes on")
        yield 0.0


def test_networks_to_publish_are_measured_in_passes_of_fresh_processes() -> None:
    probe = SeveralProcesses()
    found = LatencyMeasurer(probe, OtherMachine(), LatencyTarget()).confirm(archs_of([16, 32]))
    assert (probe.processes, probe.sizes) == (PASSES, [2] * PASSES)
    first, second = found.outcomes
    assert isinstance(first, LatencyResult)
    assert isinstance(second, LatencyResult)
    assert first.verdict == second.verdict == "steady"
    assert set(found.ratios) == {(1, 0)}
    ratio = found.ratios[1, 0]
    assert ratio.value == pytest.approx(2 * (1.01 * 1.02 * 1.03) ** (1 / 3))
    assert second.median_ms / first.median_ms == pytest.approx(ratio.value)
    assert ratio.is_clear


def test_one_network_to_publish_needs_one_pass() -> None:
    probe = SeveralProcesses()
    found = LatencyMeasurer(probe, OtherMachine(), LatencyTarget()).confirm(archs_of([16]))
    assert (probe.processes, found.ratios) == (1, {})


def test_what_is_measured_beside_training_is_not_steady() -> None:
    measurer = LatencyMeasurer(SeveralProcesses(), Loud(), LatencyTarget(), say=lambda text: None)
    found = measurer.confirm(archs_of([16, 32]))
    verdicts = [each.verdict for each in found.outcomes if isinstance(each, LatencyResult)]
    assert verdicts == ["noisy", "noisy"]
    assert found.ratios


def test_networks_that_cannot_be_measured_together_are_measured_alone() -> None:
    class Fails(SeveralProcesses):
        def compare(self, targets: Sequence[Target], protocol: object) -> Comparison:
            if any(isinstance(t, Arch) and t.stages[0].width == 32 for t in targets):
                raise TrialError("it cannot be built")
            return super().compare(targets, protocol)

    measurer = LatencyMeasurer(Fails(), OtherMachine(), LatencyTarget())
    found = measurer.confirm(archs_of([16, 32, 48]))
    assert [isinstance(each, LatencyResult) for each in found.outcomes] == [True, False, True]
    assert found.ratios == {}
