import numpy as np
import pytest

from archsearch.analysis import Reference, hypervolume, reference_point
from tests.analysis.made_records import run, trial


def test_one_point_is_a_box():
    assert hypervolume([(0.25, 0.5, 0.75)], (1, 1, 1)) == pytest.approx(0.75 * 0.5 * 0.25)


def test_staircase_has_a_closed_form():
    # (i, n - i) for i in 0..n against (n, n): a staircase of n (n - 1) / 2 unit squares
    n = 12
    steps = [(i, n - i) for i in range(n + 1)]
    assert hypervolume(steps, (n, n)) == pytest.approx(n * (n - 1) / 2)


def test_dominated_repeated_and_outside_points_add_nothing():
    points = [(1.0, 2.0), (2.0, 1.0)]
    alone = hypervolume(points, (3, 3))
    extra = [*points, (2.0, 2.0), (1.0, 2.0), (4.0, 0.0), (np.nan, 0.0)]
    assert alone == pytest.approx(3.0)
    assert hypervolume(extra, (3, 3)) == pytest.approx(alone)


def test_directions_mirror_each_other():
    points = np.random.default_rng(0).random((30, 2))
    up_down = hypervolume(points, (0.0, 1.0), (True, False))
    mirrored = points * [-1.0, 1.0]
    assert up_down == pytest.approx(hypervolume(mirrored, (0.0, 1.0)))


@pytest.mark.parametrize("num_objectives", [2, 3, 4])
def test_against_monte_carlo(num_objectives):
    rng = np.random.default_rng(3)
    points = rng.random((15, num_objectives))
    samples = rng.random((100_000, num_objectives))
    covered = np.zeros(len(samples), dtype=bool)
    for point in points:
        covered |= (samples >= point).all(axis=1)
    error = 5 * np.sqrt(0.25 / len(samples))  # five standard errors
    exact = hypervolume(points, np.ones(num_objectives))
    assert exact == pytest.approx(covered.mean(), abs=error)


def test_nothing_dominates_nothing():
    assert hypervolume([], (1, 1)) == 0.0
    assert hypervolume([(np.nan, 1.0)], (1, 1)) == 0.0
    assert hypervolume([(2.0, 2.0)], (1, 1)) == 0.0


def test_reference_of_a_run():
    trials = (trial(0, 0.9, 2.0), trial(1, 0.8, 7.0), trial(2, None, 30.0, state="infeasible"))
    assert reference_point(run(*trials, budget_ms=5.0)) == Reference(0.1, 5.0)
    assert reference_point(run(*trials)) == Reference(0.1, 7.0)
    assert reference_point(run()).latency_ms == 0.0
    assert Reference(0.1, 5.0).area == pytest.approx(4.5)
