import numpy as np
import pytest

from archsearch.analysis import (
    Reference,
    common_reference,
    comparable,
    dominated_points,
    front_trials,
    ground,
    hypervolume,
    hypervolume_difference,
    hypervolume_estimate,
    objectives,
)
from tests.report.synthetic_run import synthetic_run

A, B = synthetic_run(60, seed=1, name="a"), synthetic_run(60, seed=2, name="b")


def moved(run, **environment):
    """Return the run as another machine would have recorded it."""
    where = run.environment.model_copy(update=environment)
    trials = [
        trial.model_copy(
            update={
                key: getattr(trial, key).model_copy(update={"environment": where.fingerprint})
                for key in ("latency", "final_latency")
                if getattr(trial, key) is not None
            }
        )
        for trial in run.trials
    ]
    return run.model_copy(update={"environment": where, "trials": tuple(trials)})


def test_runs_of_one_machine_protocol_and_data_are_comparable():
    assert ground(A) == ground(B)
    assert comparable([A, B]) == ((0, 1),)


def test_other_grounds_are_distinguished():
    machine = moved(A, cpu="another")
    data = A.model_copy(update={"config": {**A.config, "data": {"val": 999}}})
    assert comparable([A, machine, B, data]) == ((0, 2), (1,), (3,))
    assert ground(machine).protocol == ground(A).protocol
    assert ground(machine).environment != ground(A).environment


def test_dominated_points_equal_a_slow_twin():
    found = {each.trial.number: each for each in dominated_points(A, B)}
    for trial in front_trials(A):
        better = [
            other
            for other in front_trials(B)
            if other.accuracy >= trial.accuracy
            and other.latency_ms <= trial.latency_ms
            and (other.accuracy, other.latency_ms) != (trial.accuracy, trial.latency_ms)
        ]
        assert (trial.number in found) == bool(better)
        if better:
            each = found[trial.number]
            assert each.by.accuracy == max(other.accuracy for other in better)
            assert each.gain == pytest.approx(each.by.accuracy - trial.accuracy)
            assert each.ratio <= 1
    assert found, "the made runs should cross"


def test_a_run_does_not_dominate_itself():
    assert dominated_points(A, A) == ()
    estimate = hypervolume_difference(A, A, common_reference([A]), 200)
    assert estimate.value == 0
    assert estimate.interval[0] < 0 < estimate.interval[1]


def test_hypervolume_and_its_interval():
    reference = common_reference([A, B])
    assert reference == Reference(0.1, 5.0)
    estimate = hypervolume_estimate(A, reference, 400)
    exact = hypervolume(objectives(front_trials(A)), reference, (True, False)) / reference.area
    assert estimate.value == pytest.approx(exact)
    low, high = estimate.interval
    assert low <= estimate.value <= high
    assert 0.002 < high - low < 0.1


def test_the_interval_is_that_of_the_binomial_for_one_point():
    one = front_trials(A)[-1]
    run = A.model_copy(update={"trials": (one,), "front": (one.number,)})
    latency = one.final_latency.model_copy(update={"interval_ms": (one.latency_ms,) * 2})
    run = run.model_copy(update={"trials": (one.model_copy(update={"final_latency": latency}),)})
    reference = Reference(0.1, 5.0)
    low, high = hypervolume_estimate(run, reference, 4000).interval
    width = 3.92 * np.sqrt(one.accuracy * (1 - one.accuracy) / 360)
    share = (5.0 - one.latency_ms) / reference.area
    assert high - low == pytest.approx(width * share, rel=0.25)


def test_unknown_images_have_no_interval():
    unknown = synthetic_run(40, num_val=None)
    assert hypervolume_estimate(unknown, Reference(0.1, 5.0)).interval is None
    assert hypervolume_difference(unknown, A, Reference(0.1, 5.0)).interval is None


def test_an_empty_front_has_no_hypervolume():
    empty = synthetic_run(0)
    assert hypervolume_estimate(empty, Reference(0.1, 5.0), 10).value == 0.0
    assert dominated_points(empty, A) == ()
