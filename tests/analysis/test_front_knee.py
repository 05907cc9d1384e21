import numpy as np
import pytest

from archsearch.analysis import best, choose, front_trials, knee, knee_index
from archsearch.errors import InputError
from tests.analysis.made_records import run, trial


def farthest_from_chord(points: np.ndarray) -> int:
    """The same definition by geometry: signed distance to the line through the scaled ends."""
    scaled = (points - points.min(axis=0)) / np.ptp(points, axis=0)
    start, end = np.array([0.0, 0.0]), np.array([1.0, 1.0])
    direction = (end - start) / np.linalg.norm(end - start)
    normal = np.array([direction[1], -direction[0]])  # towards more accuracy for less latency
    return int(np.argmax((scaled - start) @ normal))


@pytest.mark.parametrize("seed", range(5))
def test_knee_is_farthest_from_the_chord(seed):
    rng = np.random.default_rng(seed)
    latency = np.sort(rng.uniform(1, 5, 20))
    accuracy = 1 - np.exp(-latency) + np.linspace(0, 1e-3, 20)
    points = np.stack((accuracy, latency), axis=1)
    assert knee_index(points) == farthest_from_chord(points)


def test_knee_of_a_known_curve():
    # sqrt(t) - t is largest at t = 1/4
    latency = np.linspace(0, 1, 101)
    assert knee_index(np.stack((np.sqrt(latency), latency), axis=1)) == 25


def test_scales_do_not_move_the_knee():
    points = np.array([(0.5, 1.0), (0.8, 2.0), (0.85, 4.0), (0.9, 8.0)])
    assert knee_index(points) == 1
    assert knee_index(points * [100, 0.001] + [3, 7]) == 1
    assert knee_index(points[::-1]) == 2


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(0.9, 3.0)], 0),
        ([(0.8, 1.0), (0.9, 3.0)], 1),  # nothing above the chord: the accurate end
        ([(0.5, 1.0), (0.55, 3.0), (0.9, 4.0)], 2),  # a front that sags below its chord
        ([(0.9, 3.0), (0.9, 3.0)], 0),
    ],
)
def test_small_and_sagging_fronts(points, expected):
    assert knee_index(points) == expected


def test_bad_shapes():
    with pytest.raises(ValueError, match="N >= 1"):
        knee_index(np.empty((0, 2)))


RUN = run(
    trial(0, 0.5, 1.0),
    trial(1, 0.8, 2.0),
    trial(2, 0.85, 4.0),
    trial(3, 0.9, 8.0),
    trial(4, 0.9, 9.0),
    trial(5, None, 20.0, state="infeasible"),
    budget_ms=8.5,
)


def test_best_is_the_fastest_of_the_most_accurate():
    assert best(RUN.trials).number == 3
    assert best(RUN.trials, 3.0).number == 1
    assert best(RUN.trials, 0.5) is None
    assert knee(()) is None


@pytest.mark.parametrize(
    ("which", "number"), [("best", 3), ("knee", 1), (4, 4), ("4", 4), ("5", 5), (" 0 ", 0)]
)
def test_choose(which, number):
    assert choose(RUN, which).number == number


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ("bset", "did you mean 'best'"),
        (6, r"\(0 to 5\), but got 6"),
        (-1, r"\(0 to 5\), but got -1"),
    ],
)
def test_choose_what_is_not_there(which, message):
    with pytest.raises(InputError, match=message):
        choose(RUN, which)


def test_choose_from_an_empty_front():
    with pytest.raises(InputError, match="no complete trial within its budget"):
        choose(run(trial(0, None, 9.0, state="infeasible"), budget_ms=5.0), "best")
    with pytest.raises(InputError, match="none yet"):
        choose(run(), 0)


def test_stored_front_wins_over_a_computed_one():
    trials = RUN.trials[:3]
    assert [t.number for t in front_trials(run(*trials))] == [0, 1, 2]
    assert [t.number for t in front_trials(run(*trials, front=(0, 2)))] == [0, 2]
