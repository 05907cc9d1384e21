"""The measuring loop on a machine made of a clock and a load."""

import math
from random import Random

import pytest

from archsearch.cost.measurement import (
    Measurement,
    PairedBlock,
    TimedBlock,
    block_size,
    calibrate,
    measure,
    warm_up,
)
from archsearch.cost.measurement_history import MachineSpread
from archsearch.cost.measurement_summary import summary
from archsearch.cost.protocol import LatencyProtocol

QUICK = LatencyProtocol(min_blocks=6, time_limit_s=0.5, interval_share=0.02)


#: a machine whose measurements were seen to differ little
CALM = MachineSpread(0.3, 40.0)


class Machine:
    """Time passes only in inferences; ``load(t)`` is by how much the machine is slower at t."""

    def __init__(
        self,
        load=lambda t: 1.0,
        preempted=lambda t: 0.0,
        noise=0.002,
        seed=0,
        sees_threads=True,
    ):
        self.now = 0.0
        self.sees_threads = sees_threads
        self.load = load
        self.preempted = preempted
        self.noise = noise
        self.rng = Random(seed)

    def clock(self):
        return self.now

    def network(self, milliseconds, first=1.0, power=1.0):
        runs = 0

        def once():
            nonlocal runs
            start = self.now
            slow = self.load(start) ** power
            cold = first if runs == 0 else 1.0
            busy = milliseconds * slow * cold * (1 + self.noise * self.rng.gauss(0, 1))
            runs += 1
            total = busy + self.preempted(start)
            self.now += total / 1000
            return total, busy

        def timed(count, lead):
            for _ in range(lead):
                once()
            pairs = [once() for _ in range(count)]
            walls, own = zip(*pairs, strict=True)
            share = sum(own) / sum(walls)
            return TimedBlock(walls, share, own if self.sees_threads else None)

        return timed


def test_quiet_machine_is_steady_and_right():
    machine = Machine()
    result = measure([machine.network(4.0)], machine.network(0.4), 0.4, QUICK, machine.clock)
    # without a history too
    assert summary(result, 0)["verdict"] == "steady"
    found = summary(result, 0, CALM)
    assert found["verdict"] == "steady"
    assert found["median_ms"] == pytest.approx(4.0, rel=0.005)
    lower, upper = found["interval_ms"]
    assert lower < found["median_ms"] < upper
    assert found["p10_ms"] <= found["median_ms"] <= found["p90_ms"]
    assert found["reference_ratio"] == pytest.approx(10.0, rel=0.01)
    assert abs(found["reference_drift"]) < 0.01
    assert found["disturbed_share"] == 0.0


def test_quiet_machine_stops_early():
    machine = Machine()
    result = measure([machine.network(4.0)], machine.network(0.4), 0.4, QUICK, machine.clock)
    assert result.settled
    assert machine.now < 0.25


def test_a_wider_spread_between_measurements_is_a_wider_interval():
    machine = Machine()
    result = measure([machine.network(4.0)], machine.network(0.4), 0.4, QUICK, machine.clock)
    widths = []
    for factor in (0.3, 1.0, 3.0, 10.0):
        low, high = summary(result, 0, MachineSpread(factor, 30.0))["interval_ms"]
        widths.append(math.log(high / low))
    assert widths[1] / widths[0] == pytest.approx(1 / 0.3)
    assert widths[2] / widths[1] == pytest.approx(3.0)
    verdicts = [
        summary(result, 0, MachineSpread(factor, 30.0))["verdict"] for factor in (0.3, 2.0, 10.0)
    ]
    assert verdicts == ["steady", "noisy", "rejected"]


@pytest.mark.parametrize("cores_taken", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("milliseconds", [0.5, 4.0, 60.0])
def test_a_neighbour_who_takes_the_processor_takes_nothing_from_the_estimate(
    milliseconds, cores_taken
):
    # slices of 4 ms, at any moment
    rng = Random(3)
    wait = max(4.0, milliseconds) * cores_taken / (1 - cores_taken)
    machine = Machine(preempted=lambda t: wait * (rng.random() < min(1.0, milliseconds / 4.0)))
    network, reference = machine.network(milliseconds), machine.network(0.4)
    result = measure([network], reference, 0.4, QUICK, machine.clock)
    found = summary(result, 0)
    assert found["median_ms"] == pytest.approx(milliseconds, rel=0.01)
    assert found["disturbed_share"] > 0
    assert abs(found["reference_drift"]) < 0.01


def test_without_clocks_of_threads_a_disturbed_block_is_as_long_as_it_was():
    machine = Machine(preempted=lambda t: 2.0, sees_threads=False)
    result = measure([machine.network(4.0)], Machine().network(0.4), 0.4, QUICK, machine.clock)
    assert summary(result, 0)["median_ms"] == pytest.approx(6.0, rel=0.01)


def test_disturbed_rounds_are_counted():
    machine = Machine(load=lambda t: 1.4 if int(t / 0.1) % 2 else 1.0)
    result = measure([machine.network(4.0)], machine.network(0.4), 0.4, QUICK, machine.clock)
    assert 0.2 < result.disturbed_share(0) < 0.8


def test_a_loaded_machine_widens_the_interval():
    widths = []
    for load in (1.0, 1.3, 1.8):
        machine = Machine(load=lambda t, load=load: load)
        result = measure([machine.network(4.0)], machine.network(0.4), 0.4, QUICK, machine.clock)
        assert result.drift() == pytest.approx(load - 1, abs=0.02)
        assert result.disturbed_share(0) == (load > 1)
        low, high = summary(result, 0)["interval_ms"]
        widths.append(math.log(high / low))
    assert widths[0] < widths[1] < widths[2]


@pytest.mark.parametrize("load", [1.1, 1.6, 2.5])
def test_the_third_root_of_the_references_slowdown_is_divided_out(load):
    machine = Machine(load=lambda t: load)
    network, reference = machine.network(4.0, power=1 / 3), machine.network(0.4)
    result = measure([network], reference, 0.4, QUICK, machine.clock)
    found = summary(result, 0)
    assert found["median_ms"] == pytest.approx(4.0, rel=0.01)
    lower, upper = found["interval_ms"]
    assert lower <= found["median_ms"] <= upper


@pytest.mark.parametrize("share", [0.6, 1.0])
def test_a_reference_that_was_descheduled_divides_nothing(share):
    # the scheduler takes the reference from the processor for 30 ms, and leaves the network there
    machine = Machine()
    rng = Random(1)
    quiet = machine.network(0.4)

    def reference(count, lead):
        block = quiet(count, lead)
        away = 30.0 if rng.random() < share else 0.0
        machine.now += away / 1000
        return TimedBlock(tuple(ms + away for ms in block.times_ms), 0.1)

    result = measure([machine.network(4.0)], reference, 0.4, QUICK, machine.clock)
    assert summary(result, 0)["median_ms"] == pytest.approx(4.0, rel=0.01)


def test_networks_measured_together_have_a_reference_of_their_own():
    # only the first of two networks is disturbed, every time
    machine = Machine()
    first = machine.network(2.0)

    def disturbed(count, lead):
        machine.load = lambda t: 1.5
        block = first(count, lead)
        machine.load = lambda t: 1.0
        return block

    reference = machine.network(0.4)
    result = measure([machine.network(3.0), disturbed], reference, 0.4, QUICK, machine.clock)
    assert result.disturbed_share(0) == 0.0
    assert summary(result, 0)["median_ms"] == pytest.approx(3.0, rel=0.01)


def test_noise_that_the_reference_does_not_see_widens_the_interval():
    widths = []
    for noise in (0.002, 0.8):
        machine = Machine(noise=noise)
        reference = Machine(noise=0.0).network(0.4)
        result = measure([machine.network(4.0)], reference, 0.4, QUICK, machine.clock)
        low, high = summary(result, 0)["interval_ms"]
        widths.append(high - low)
    assert widths[1] > 1.2 * widths[0]


def test_time_limit_ends_it():
    machine = Machine(noise=0.3)
    result = measure([machine.network(4.0)], machine.network(0.4), 0.4, QUICK, machine.clock)
    assert not result.settled
    assert 0.5 <= machine.now < 0.7


def test_a_slow_network_gets_the_time_that_its_blocks_need():
    machine = Machine()
    result = measure([machine.network(700.0)], machine.network(0.4), 0.4, QUICK, machine.clock)
    assert summary(result, 0, CALM)["verdict"] == "steady"
    assert len(result.rounds) >= QUICK.min_blocks


def test_a_faster_machine_than_at_calibration_shows():
    machine = Machine()
    result = measure([machine.network(4.0)], machine.network(0.4), 0.5, QUICK, machine.clock)
    assert result.drift() == pytest.approx(-0.2, abs=0.01)
    assert result.disturbed_share(0) == 1.0


def test_networks_are_interleaved_and_paired():
    # a slow drift of 2 % hits both alike: the ratio does not see it
    machine = Machine(load=lambda t: 1.0 + 0.02 * min(1.0, t))
    protocol = QUICK.model_copy(update={"interval_share": 0.05})
    pair = [machine.network(2.0), machine.network(3.0)]
    result = measure(pair, machine.network(0.4), 0.404, protocol, machine.clock)
    found = result.levels()
    assert math.exp(found.logs[1] - found.logs[0]) == pytest.approx(1.5, rel=0.005)
    assert found.rounds == len(result.rounds)
    assert max(found.errors) < 0.002


@pytest.mark.parametrize(("sees_threads", "expected"), [(True, 1.5), (False, 4.0)])
def test_ratios_leave_out_the_time_that_others_had_the_processor(sees_threads, expected):
    # only blocks of the second network are preempted, by 5 ms an inference
    machine = Machine(sees_threads=sees_threads)
    first, second = machine.network(2.0), machine.network(3.0)

    def preempted(count, lead):
        machine.preempted = lambda t: 5.0
        block = second(count, lead)
        machine.preempted = lambda t: 0.0
        return block

    result = measure([first, preempted], machine.network(0.4), 0.4, QUICK, machine.clock)
    low, high = result.levels().logs
    # of several threads the processor time says nothing of how long an inference takes
    assert math.exp(high - low) == pytest.approx(expected, rel=0.01)


def test_warm_up_waits_for_the_first_slow_run():
    machine = Machine()
    count, milliseconds = warm_up(machine.network(3.0, first=30.0), QUICK, machine.clock)
    assert 4 < count < 8
    assert milliseconds == pytest.approx(3.0, rel=0.02)


def test_warm_up_gives_up_in_time():
    machine = Machine(load=lambda t: 1 + 100 * t)
    warm_up(machine.network(3.0), QUICK, machine.clock)
    assert machine.now < 3 * QUICK.warmup_limit_s


def test_calibration_in_quiet_is_the_median():
    machine = Machine()
    known = calibrate(machine.network(0.4), lambda: None, machine.clock)
    assert known == pytest.approx(0.4, rel=0.005)
    assert machine.now < 0.3


def test_calibration_under_load_is_the_fastest_block():
    machine = Machine(load=lambda t: 1.0 if 0.2 < t < 0.24 else 1.0 + 2 * abs(t - 0.22))
    known = calibrate(machine.network(0.4), lambda: None, machine.clock)
    assert known == pytest.approx(0.4, rel=0.01)


@pytest.mark.parametrize(
    ("inference_ms", "expected"), [(1.0, 15), (15.0, 1), (400.0, 1), (0.0, 1000), (4.0, 4)]
)
def test_block_size(inference_ms, expected):
    assert block_size(inference_ms, 15.0) == expected


@pytest.mark.parametrize("blocks", range(1, 9))
def test_few_blocks_do_not_know_their_spread(blocks):
    rng = Random(blocks)
    rounds = []
    for _ in range(blocks):
        ms = 4.0 + rng.random()
        rounds.append((PairedBlock(TimedBlock((ms, ms), 0.5), 0.6, 0.6),) * 2)
    result = Measurement(QUICK, 0.4, (1, 1), rounds)
    found = summary(result, 0)
    if blocks < 6:
        assert found["verdict"] == "rejected"
        assert found["interval_ms"] is None
    else:
        low, high = found["interval_ms"]
        assert low < high
