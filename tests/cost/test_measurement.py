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
from archsearch.cost.protocol import LatencyProtocol

QUICK = LatencyProtocol(min_blocks=6, time_limit_s=0.5, interval_share=0.02)


class Machine:
    """Time passes only in inferences; ``load(t)`` is by how much the machine is slower at t."""

    def __init__(self, load=lambda t: 1.0, preempted=lambda t: 0.0, noise=0.002, seed=0):
        self.now = 0.0
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
            wall = sum(total for total, _ in pairs)
            return TimedBlock(tuple(t for t, _ in pairs), sum(b for _, b in pairs) / wall)

        return timed


def test_quiet_machine_is_steady_and_right():
    machine = Machine()
    result = measure([machine.network(4.0)], machine.network(0.4), 0.4, QUICK, machine.clock)
    summary = result.summary(0)
    assert summary["verdict"] == "steady"
    assert summary["median_ms"] == pytest.approx(4.0, rel=0.005)
    lower, upper = summary["interval_ms"]
    assert lower <= summary["median_ms"] <= upper
    assert upper - lower <= 0.02 * summary["median_ms"]
    assert summary["p10_ms"] <= summary["median_ms"] <= summary["p90_ms"]
    assert summary["reference_ratio"] == pytest.approx(10.0, rel=0.01)
    assert abs(summary["reference_drift"]) < 0.01


def test_quiet_machine_stops_early():
    machine = Machine()
    measure([machine.network(4.0)], machine.network(0.4), 0.4, QUICK, machine.clock)
    assert machine.now < 0.25


def test_a_loaded_machine_is_rejected():
    machine = Machine(load=lambda t: 1.3)
    result = measure([machine.network(4.0)], machine.network(0.4), 0.4, QUICK, machine.clock)
    assert result.verdict(0) == "rejected"
    assert result.accepted(0) == []
    assert result.drift() == pytest.approx(0.3, abs=0.02)


def test_disturbed_rounds_do_not_count():
    machine = Machine(load=lambda t: 1.4 if int(t / 0.1) % 2 else 1.0)
    result = measure([machine.network(4.0)], machine.network(0.4), 0.4, QUICK, machine.clock)
    assert 0 < len(result.accepted(0)) < len(result.rounds)
    assert result.summary(0)["median_ms"] == pytest.approx(4.0, rel=0.01)


def test_preempted_blocks_do_not_count():
    # the reference is too short to be set aside; the network is, in half of its blocks
    machine = Machine(preempted=lambda t: 1.0 if int(t / 0.05) % 2 else 0.0)
    reference = Machine().network(0.4)
    result = measure([machine.network(4.0)], reference, 0.4, QUICK, machine.clock)
    assert len(result.accepted(0)) < len(result.rounds)
    assert result.summary(0)["median_ms"] == pytest.approx(4.0, rel=0.01)


def test_on_a_loaded_machine_the_reference_is_divided_out():
    machine = Machine(load=lambda t: 1.05 if int(t / 0.1) % 2 == 0 else 1.6)
    result = measure([machine.network(4.0)], machine.network(0.4), 0.4, QUICK, machine.clock)
    assert result.verdict(0) == "rejected"
    summary = result.summary(0)
    assert summary["median_ms"] == pytest.approx(4.0, rel=0.01)
    assert summary["p90_ms"] > 6
    lower, upper = summary["interval_ms"]
    assert lower <= summary["median_ms"] <= upper


@pytest.mark.parametrize("power", [0.0, 0.3, 1.0])
def test_how_strongly_a_network_follows_the_reference_is_learnt(power):
    machine = Machine(load=lambda t: (1.1, 1.25, 1.4, 1.6)[int(t / 0.2) % 4])
    protocol = QUICK.model_copy(update={"time_limit_s": 2.0})
    network, reference = machine.network(4.0, power=power), machine.network(0.4)
    result = measure([network], reference, 0.4, protocol, machine.clock)
    summary = result.summary(0)
    assert summary["verdict"] == "rejected"
    # what is usual for a network of this size, 1, counts a little
    assert summary["median_ms"] == pytest.approx(4.0, rel=0.05)


@pytest.mark.parametrize("share", [0.6, 1.0])
def test_a_reference_that_was_set_aside_divides_nothing(share):
    # the scheduler takes the reference from the processor for 30 ms, and leaves the network there
    machine = Machine()
    rng = Random(1)
    quiet = machine.network(0.4)

    def reference(count, lead):
        block = quiet(count, lead)
        set_aside = 30.0 if rng.random() < share else 0.0
        machine.now += set_aside / 1000
        return TimedBlock(tuple(ms + set_aside for ms in block.times_ms), 0.1)

    result = measure([machine.network(4.0)], reference, 0.4, QUICK, machine.clock)
    assert result.verdict(0) in ("noisy", "rejected")
    summary = result.summary(0)
    assert summary["median_ms"] == pytest.approx(4.0, rel=0.01)
    if summary["interval_ms"] is not None:  # else too few blocks are left
        lower, upper = summary["interval_ms"]
        assert lower == pytest.approx(upper, rel=0.02)


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
    assert len(result.accepted(0)) == len(result.rounds)
    assert result.summary(0)["median_ms"] == pytest.approx(3.0, rel=0.01)


def test_noise_that_the_reference_does_not_see_is_noisy():
    machine = Machine(noise=0.2)
    reference = Machine(noise=0.0).network(0.4)
    result = measure([machine.network(4.0)], reference, 0.4, QUICK, machine.clock)
    assert result.verdict(0) == "noisy"


def test_too_few_blocks_are_noisy():
    # quiet for 60 ms only
    machine = Machine(load=lambda t: 1.0 if t < 0.06 else 2.0)
    result = measure([machine.network(4.0)], machine.network(0.4), 0.4, QUICK, machine.clock)
    assert 0 < len(result.accepted(0)) < QUICK.min_blocks
    assert result.verdict(0) == "noisy"


def test_time_limit_ends_it():
    machine = Machine(load=lambda t: 2.0)
    measure([machine.network(4.0)], machine.network(0.4), 0.4, QUICK, machine.clock)
    assert 0.5 <= machine.now < 0.7


def test_a_slow_network_gets_the_time_that_its_blocks_need():
    machine = Machine()
    result = measure([machine.network(700.0)], machine.network(0.4), 0.4, QUICK, machine.clock)
    assert result.verdict(0) == "steady"
    assert len(result.accepted(0)) == QUICK.min_blocks


def test_a_faster_machine_than_at_calibration_is_not_steady():
    machine = Machine()
    result = measure([machine.network(4.0)], machine.network(0.4), 0.5, QUICK, machine.clock)
    assert result.verdict(0) == "rejected"
    assert result.drift() == pytest.approx(-0.2, abs=0.01)


def test_networks_are_interleaved_and_paired():
    # a slow drift of 2 % hits both alike: the ratio does not see it
    machine = Machine(load=lambda t: 1.0 + 0.02 * min(1.0, t))
    protocol = QUICK.model_copy(update={"interval_share": 0.05})
    pair = [machine.network(2.0), machine.network(3.0)]
    result = measure(pair, machine.network(0.4), 0.404, protocol, machine.clock)
    found = result.levels(threads=1)
    assert math.exp(found.logs[1] - found.logs[0]) == pytest.approx(1.5, rel=0.005)
    assert found.rounds == len(result.rounds)
    assert max(found.errors) < 0.002


@pytest.mark.parametrize(("threads", "expected"), [(1, 1.5), (2, None)])
def test_ratios_leave_out_the_time_that_others_had_the_processor(threads, expected):
    # only blocks of the second network are preempted, by 5 ms an inference
    machine = Machine()
    first, second = machine.network(2.0), machine.network(3.0)

    def preempted(count, lead):
        machine.preempted = lambda t: 5.0
        block = second(count, lead)
        machine.preempted = lambda t: 0.0
        return block

    result = measure([first, preempted], machine.network(0.4), 0.4, QUICK, machine.clock)
    low, high = result.levels(threads).logs
    # of several threads the processor time says nothing of how long an inference takes
    assert math.exp(high - low) == pytest.approx(expected or 4.0, rel=0.01)


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
    summary = result.summary(0)
    assert summary["verdict"] == "rejected"
    if blocks < 6:
        assert summary["interval_ms"] is None
    else:
        low, high = summary["interval_ms"]
        assert low < high
