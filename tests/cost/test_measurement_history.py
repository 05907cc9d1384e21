"""The interval of a latency, counted on made-up machines, and the history behind it."""

import time
from pathlib import Path

import numpy as np
import pytest

from archsearch.cost.measurement_history import (
    MachineSpread,
    MeasurementHistory,
    PastMeasurement,
    expected_spread,
    join_measurements,
    machine_spread,
)

#: spread of a measurement in quiet, as the model has it
QUIET = expected_spread(0.0, 1.0, 0.0)
HOUR = 3600.0


def measurements(
    rng: np.random.Generator, networks: int, each: int, times: float
) -> list[PastMeasurement]:
    """Measurements of a machine whose spread is ``times`` the expected one."""
    found = []
    for network in range(networks):
        truth = float(np.exp(rng.uniform(-1, 4)))
        for measurement in range(each):
            slowdown = float(np.exp(rng.uniform(0, 0.5)))
            spread = expected_spread(0.01, slowdown, float(rng.random()))
            ms = truth * float(np.exp(times * spread * rng.standard_normal()))
            found.append(
                PastMeasurement(
                    network=str(network),
                    at=HOUR * measurement,
                    ms=ms,
                    spread=spread,
                )
            )
    return found


@pytest.mark.parametrize("times", [0.5, 1.0, 3.0])
def test_the_machines_spread_is_found(times: float) -> None:
    found = machine_spread(measurements(np.random.default_rng(0), 40, 5, times))
    assert found.factor == pytest.approx(times, rel=0.15)
    assert found.freedom > 160


@pytest.mark.parametrize("times", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("disturbed", [0.0, 0.4])
def test_an_interval_holds_another_measurement_in_95_of_100(times: float, disturbed: float) -> None:
    rng = np.random.default_rng(1)
    machine = machine_spread(measurements(rng, 60, 6, times))
    held = 0
    for _ in range(4000):
        spread = expected_spread(0.01, float(np.exp(disturbed)), disturbed)
        own = float(np.exp(times * spread * rng.standard_normal()))
        other = float(np.exp(times * QUIET * rng.standard_normal()))
        low, high = machine.interval(own, spread)
        held += low <= other <= high
    assert held / 4000 == pytest.approx(0.95, abs=0.02)


def test_without_a_history_the_constants_count() -> None:
    assert machine_spread([]) == MachineSpread()
    assert machine_spread([], quiet=0.01) == MachineSpread(quiet=0.01)
    once = measurements(np.random.default_rng(0), 20, 1, 1.0)
    assert machine_spread(once) == MachineSpread()


def test_measurements_within_minutes_are_no_repetition() -> None:
    one = PastMeasurement(network="a", at=0.0, ms=1.0, spread=0.03)
    # three passes of a final measurement, by three processes
    passes = [one.model_copy(update={"at": 20.0 * at}) for at in range(3)]
    assert machine_spread(passes) == MachineSpread()
    later = [each.model_copy(update={"at": each.at + HOUR}) for each in passes]
    assert machine_spread([*passes, *later]).freedom == 8 + 1


def test_a_network_that_is_visited_all_the_time_counts_once_in_five_minutes() -> None:
    visits = [PastMeasurement(network="a", at=30.0 * at, ms=1.0, spread=0.03) for at in range(41)]
    assert machine_spread(visits).freedom == 8 + 4


def test_one_day_on_which_all_was_different_does_not_count_without_end() -> None:
    one = PastMeasurement(network="a", at=0.0, ms=1.0, spread=0.03)
    far = one.model_copy(update={"at": HOUR, "ms": 50.0})
    assert machine_spread([one, far]).factor < 4


def test_disturbed_measurements_are_less_certain() -> None:
    quiet, slow, lost = (
        MachineSpread().interval(1.0, expected_spread(0.005, *seen))
        for seen in ((1.0, 0.0), (1.5, 0.0), (1.0, 0.6))
    )
    assert quiet[1] < slow[1]
    assert quiet[1] < lost[1]


def test_the_history_is_kept_between_processes(tmp_path: Path) -> None:
    history = MeasurementHistory("abc", 1, tmp_path)
    assert history.spread(now=0.0) == MachineSpread()
    history = MeasurementHistory("abc", 1, tmp_path)
    rng = np.random.default_rng(0)
    found = measurements(rng, 4, 5, 2.0)
    now = time.time()
    history.add([each.model_copy(update={"at": now - each.at}) for each in found])
    assert MeasurementHistory("abc", 1, tmp_path).spread().freedom == 8 + 16
    assert MeasurementHistory("abc", 2, tmp_path).spread() == MachineSpread()
    # a month later it is forgotten
    assert history.spread(now=now + 40 * 24 * HOUR) == MachineSpread()


def test_a_history_that_cannot_be_read_or_written_is_empty(tmp_path: Path) -> None:
    (tmp_path / "history-abc-t1.json").write_text("{")
    assert MeasurementHistory("abc", 1, tmp_path).spread() == MachineSpread()
    (tmp_path / "file").write_text("")
    unwritable = MeasurementHistory("abc", 1, tmp_path / "file" / "below")
    unwritable.add(measurements(np.random.default_rng(0), 2, 2, 1.0))
    assert unwritable.spread() == MachineSpread()


def test_a_device_alone_has_narrower_intervals():
    host, device = MachineSpread(), MachineSpread(quiet=0.01)
    widths = [each.interval(1.0, expected_spread(0.001, 1.0, 0.0, each.quiet)) for each in
              (host, device)]  # fmt: skip
    assert widths[0][1] - 1 > 3 * (widths[1][1] - 1) > 0


def past(at: float, ms: float, spread: float = 0.05) -> PastMeasurement:
    return PastMeasurement(network="a", at=at, ms=ms, spread=spread)


def test_measurements_of_a_day_are_joined() -> None:
    own = past(2 * HOUR, 1.0)
    joined = join_measurements(own, [past(0.0, 1.1), past(HOUR, 1.05)], MachineSpread())
    assert joined.count == 3
    assert joined.ms == pytest.approx((1.1 * 1.05) ** (1 / 3))
    # half of the variance is that of the day
    assert joined.spread == pytest.approx(0.05 * (0.5 + 0.5 / 3) ** 0.5)


@pytest.mark.parametrize(
    "other",
    [
        past(2 * HOUR - 60, 1.05),  # a pass of the same measurement
        past(-30 * HOUR, 1.05),  # the day before
        past(0.0, 1.5),  # another power profile
        past(3 * HOUR, 1.05),  # a clock that was put back
    ],
    ids=["minutes", "yesterday", "differs", "future"],
)
def test_what_saw_another_machine_is_not_joined(other: PastMeasurement) -> None:
    own = past(2 * HOUR, 1.0)
    joined = join_measurements(own, [other], MachineSpread())
    assert (joined.count, joined.ms, joined.spread) == (1, pytest.approx(1.0), 0.05)


def test_the_better_known_measurement_counts_more() -> None:
    joined = join_measurements(past(HOUR, 1.0, 0.1), [past(0.0, 1.1, 0.02)], MachineSpread())
    assert 1.09 < joined.ms < 1.1
    assert joined.spread < 0.03


def test_of_several_measurements_in_a_moment_the_best_known_counts() -> None:
    visits = [past(0.0, 1.3, 0.1), past(30.0, 1.1, 0.02), past(60.0, 1.2, 0.1)]
    joined = join_measurements(past(HOUR, 1.1, 0.05), visits, MachineSpread())
    assert joined.count == 2
    assert joined.ms == pytest.approx(1.1)


def test_joined_measurements_are_nearer_and_their_intervals_hold_another_one() -> None:
    rng, machine = np.random.default_rng(3), MachineSpread(1.0, 200.0)
    held, widths, errors = 0, [], []
    for _ in range(3000):
        # half of the variance is that of the day; the last one is of another day
        logs = QUIET * (0.5**0.5 * rng.standard_normal(5) + 0.5**0.5 * rng.standard_normal())
        logs[4] = QUIET * rng.standard_normal()
        before = [past(HOUR * at, float(np.exp(y)), QUIET) for at, y in enumerate(logs[:3])]
        joined = join_measurements(past(4 * HOUR, float(np.exp(logs[3])), QUIET), before, machine)
        low, high = machine.interval(joined.ms, joined.spread)
        held += low <= float(np.exp(logs[4])) <= high
        widths.append(high / low)
        errors.append((np.log(joined.ms), logs[3]))
    assert held / 3000 == pytest.approx(0.95, abs=0.02)
    alone = machine.interval(1.0, QUIET)
    assert np.log(np.median(widths)) < 0.92 * np.log(alone[1] / alone[0])
    joined_error, own_error = np.std(errors, axis=0)
    assert joined_error < 0.85 * own_error
