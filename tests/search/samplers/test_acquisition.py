"""Expected gains against plain Monte Carlo with a trusted hypervolume."""

import moocore
import numpy as np
import pytest

from archsearch.search.samplers.surrogate.acquisition import (
    expected_improvement,
    hypervolume_improvement_2d,
    probability_below,
    scalarized_improvement,
)

FRONT = np.array([[0.0, 1.0], [0.3, 0.5], [0.35, 0.4], [1.0, 0.0]])
CORNER = np.array([1.3, 1.3])


def gain_by_drawing(front, mean, deviation, draws=4000, seed=0):
    """Return the mean gain of hypervolume, one hypervolume at a time."""
    rng = np.random.default_rng(seed)
    base = moocore.hypervolume(front, ref=CORNER) if len(front) else 0.0
    points = mean + rng.standard_normal((draws, 2)) * deviation
    gains = []
    for point in points:
        joined = np.vstack([front, point]) if len(front) else point[None]
        gains.append(moocore.hypervolume(joined, ref=CORNER) - base)
    return float(np.mean(gains))


@pytest.mark.parametrize("front", [FRONT, FRONT[:1], np.empty((0, 2))], ids=["four", "one", "none"])
@pytest.mark.parametrize(
    ("mean", "deviation"),
    [((0.2, 0.3), (0.1, 0.0)), ((0.2, 0.3), (0.1, 0.1)), ((0.9, 0.9), (0.3, 0.2))],
)
def test_gain_of_hypervolume(front, mean, deviation):
    got = hypervolume_improvement_2d(front, np.array([mean]), np.array([deviation]), CORNER)
    wanted = gain_by_drawing(front, np.array(mean), np.array(deviation))
    assert got[0] == pytest.approx(wanted, rel=0.06, abs=1e-3)


def test_what_is_known_exactly_gains_exactly():
    mean = np.array([[0.1, 0.2], [0.5, 0.6]])
    got = hypervolume_improvement_2d(FRONT, mean, np.zeros((2, 2)), CORNER)
    base = moocore.hypervolume(FRONT, ref=CORNER)
    wanted = moocore.hypervolume(np.vstack([FRONT, mean[0]]), ref=CORNER) - base
    assert got == pytest.approx([wanted, 0.0], abs=1e-9)


def test_expected_improvement_is_the_integral():
    z = np.linspace(-8, 8, 20001)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    for mean, deviation in ((0.0, 1.0), (2.0, 0.5), (-1.0, 0.1)):
        wanted = np.trapezoid(np.maximum(0, 0.5 - (mean + deviation * z)) * density, z)
        got = expected_improvement(np.array([mean]), np.array([deviation]), 0.5)
        assert got[0] == pytest.approx(wanted, abs=1e-6)


def test_probability():
    got = probability_below(np.array([0.0, 1.0]), np.array([1.0, 0.0]), 0.0)
    assert got == pytest.approx([0.5, 0.0])


def test_many_objectives_prefer_what_is_better_in_all():
    rng = np.random.default_rng(0)
    values = rng.random((20, 3)) + 0.5
    mean = np.array([[0.1, 0.1, 0.1], [1.4, 1.4, 1.4]])
    gain = scalarized_improvement(values, mean, np.full((2, 3), 0.05), rng)
    assert gain[0] > gain[1] >= 0
