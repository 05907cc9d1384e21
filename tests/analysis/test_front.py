import itertools

import numpy as np
import pytest

from archsearch.analysis import nondominated, objectives, pareto_front
from tests.analysis.made_records import trial


def naive(points: np.ndarray, maximise: tuple[bool, ...]) -> np.ndarray:
    """The definition, written out."""
    signed = np.where(maximise, -points, points)
    return np.array(
        [not any((b <= a).all() and (b < a).any() for b in signed) for a in signed], dtype=bool
    )


@pytest.mark.parametrize("num_objectives", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("seed", range(3))
def test_fast_equals_naive(num_objectives, seed):
    rng = np.random.default_rng(seed)
    # a coarse grid, so that ties and duplicates occur
    points = rng.integers(0, 12, size=(120, num_objectives)).astype(float)
    for maximise in itertools.islice(
        itertools.product((False, True), repeat=num_objectives), 0, None, 3
    ):
        assert (nondominated(points, maximise) == naive(points, maximise)).all()


@pytest.mark.parametrize("num_objectives", [2, 3, 5])
def test_all_points_on_a_sphere_are_optimal(num_objectives):
    points = np.abs(np.random.default_rng(0).normal(size=(400, num_objectives)))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    assert nondominated(points, maximise=True).all()
    inside = np.vstack((points, 0.2 * points))
    assert nondominated(inside, maximise=True).tolist() == [True] * 400 + [False] * 400


def test_invariant_to_order_and_monotone_scales():
    rng = np.random.default_rng(1)
    points = rng.random((500, 2))
    order = rng.permutation(500)
    mask = nondominated(points, (True, False))
    assert (nondominated(points[order], (True, False)) == mask[order]).all()
    assert (nondominated(np.exp(3 * points), (True, False)) == mask).all()


def test_equal_points_stand_or_fall_together():
    points = [(1.0, 1.0), (1.0, 1.0), (2.0, 2.0), (2.0, 2.0)]
    assert nondominated(points).tolist() == [True, True, False, False]


def test_unknown_values_are_never_optimal_and_dominate_nothing():
    points = [(np.nan, 0.0), (1.0, 2.0), (0.0, np.nan)]
    assert nondominated(points).tolist() == [False, True, False]
    assert nondominated([(np.nan, np.nan)]).tolist() == [False]


def test_no_points():
    assert nondominated(np.empty((0, 2))).shape == (0,)
    with pytest.raises(ValueError, match=r"table \(N, M\)"):
        nondominated([1.0, 2.0])


def test_front_of_trials():
    trials = [
        trial(0, 0.90, 2.0),
        trial(1, 0.95, 4.0),
        trial(2, 0.80, 3.0),  # dominated by 0
        trial(3, 0.99, 6.0),  # over budget
        trial(4, 0.97, 4.9, final_ms=5.1),  # over budget when measured again
        trial(5, 0.96, 5.1, final_ms=4.9),  # within budget when measured again
        trial(6, 0.99, 1.0, state="pruned"),
        trial(7, None, 1.0, state="infeasible"),
        trial(8, 0.99, None),
        trial(9, 0.90, 2.0),  # equal to 0
    ]
    assert [each.number for each in pareto_front(trials, 5.0)] == [0, 9, 1, 5]
    assert [each.number for each in pareto_front(trials)] == [0, 9, 1, 5, 4, 3]
    assert pareto_front([], 5.0) == ()


def test_objectives_keep_the_order_of_trials():
    values = objectives([trial(0, 0.5, 2.0, final_ms=3.0), trial(1)])
    assert values[0].tolist() == [0.5, 3.0]
    assert np.isnan(values[1]).all()
