"""Front members are measured again in pauses: which, how often, for how long."""

import contextlib
from collections.abc import Iterator, Sequence

import pytest

from archsearch.arch import Arch
from archsearch.cluster import OtherMachine
from archsearch.errors import NotQuietError, ProbeError
from archsearch.record import Aims, LatencyResult, TrialRecord
from archsearch.run.latency.front_visits import FrontVisits
from archsearch.run.latency.latency_target import LatencyTarget
from archsearch.run.latency.measurement import LatencyMeasurer
from tests.report.synthetic_run import synthetic_run
from tests.run.conftest import result

_COMPLETE = [trial for trial in synthetic_run(60, seed=1).trials if trial.state == "complete"]
#: accuracy and latency; the last is on no front
POINTS = [(0.80, 1.0), (0.85, 2.0), (0.90, 3.0), (0.84, 2.5)]


def trained(number: int) -> TrialRecord:
    accuracy, ms = POINTS[number]
    update = {"accuracy": accuracy, "latency": result(ms), "final_latency": None}
    return _COMPLETE[number].model_copy(update={"number": number, **update})


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def visits_of(numbers: Sequence[int], clock: Clock) -> FrontVisits:
    visits = FrontVisits(Aims(), [trained(number) for number in numbers[:1]], clock)
    for number in numbers[1:]:
        visits.add(trained(number))
    return visits


def digests(archs: Sequence[Arch]) -> list[str]:
    return [arch.digest for arch in archs]


def test_front_members_take_turns_and_rest_for_minutes() -> None:
    clock = Clock()
    visits = visits_of([0, 1, 2, 3], clock)
    on_front = {trained(number).arch.digest for number in (0, 1, 2)}
    first = visits.due()
    assert len(first) == 2
    for arch in first:
        visits.seen(arch)
    second = visits.due()
    assert len(second) == 1
    assert {*digests(first), *digests(second)} == on_front
    visits.seen(second[0])
    assert visits.due() == []
    clock.now += 301
    assert digests(visits.due()) == digests(first)


def test_who_leaves_the_front_is_visited_no_more() -> None:
    clock = Clock()
    visits = visits_of([3], clock)
    assert len(visits.due()) == 1
    visits.add(trained(1))
    assert digests(visits.due()) == [trained(1).arch.digest]


@pytest.mark.parametrize(("spent_s", "visited"), [(1.0, 1), (3.0, 0)])
def test_visits_take_at_most_a_fiftieth_of_the_time(spent_s: float, visited: int) -> None:
    clock = Clock()
    visits = visits_of([0], clock)
    clock.now += 100
    visits.spent(spent_s)
    assert len(visits.due()) == visited


class CountingProbe:
    def __init__(self, ends_on: Sequence[str] = ()) -> None:
        self.ends_on = ends_on
        self.measured: list[str] = []

    def prepare(self, target: Arch, protocol: object) -> None:
        """Build nothing."""

    def measure(self, target: Arch, protocol: object) -> LatencyResult:
        self.measured.append(target.digest)
        if target.digest in self.ends_on:
            raise ProbeError("the latency probe ended")
        return result(1.0)


def test_a_pause_for_new_candidates_visits_the_front() -> None:
    clock, probe = Clock(), CountingProbe()
    measurer = LatencyMeasurer(probe, OtherMachine(), LatencyTarget())
    measurer.visits = visits_of([0, 1], clock)
    new = trained(3).arch
    assert len(measurer.measure([new])) == 1
    assert probe.measured[0] == new.digest
    assert set(probe.measured[1:]) == {trained(0).arch.digest, trained(1).arch.digest}
    # no second time within minutes
    measurer.measure([new])
    assert len(probe.measured) == 4


def test_a_visit_that_fails_loses_no_candidate() -> None:
    members = [trained(number).arch.digest for number in (0, 1)]
    probe = CountingProbe(ends_on=members)
    measurer = LatencyMeasurer(probe, OtherMachine(), LatencyTarget())
    measurer.visits = visits_of([0, 1], Clock())
    (found,) = measurer.measure([trained(3).arch])
    assert isinstance(found, LatencyResult)
    assert set(probe.measured) == {trained(3).arch.digest, *members}


class NeverQuiet:
    @contextlib.contextmanager
    def measuring(self, why: str = "", limit_s: float = 0.0) -> Iterator[float]:
        raise NotQuietError("training did not pause")
        yield 0.0


def test_nothing_is_visited_beside_training() -> None:
    probe = CountingProbe()
    measurer = LatencyMeasurer(probe, NeverQuiet(), LatencyTarget(), say=lambda text: None)
    measurer.visits = visits_of([0, 1], Clock())
    measurer.measure([trained(3).arch])
    assert probe.measured == [trained(3).arch.digest]
