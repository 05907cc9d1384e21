import numpy as np
import pytest
from scipy.stats import binomtest

from archsearch.analysis import accuracy_interval, difference_interval, judge_front, num_images
from tests.analysis.made_records import run, trial


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (1, 10), (5, 10), (10, 10), (349, 360)])
def test_wilson_equals_scipy(hits, n):
    expected = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    assert accuracy_interval(hits / n, n) == pytest.approx((expected.low, expected.high))


def test_difference_equals_a_published_example():
    # Newcombe (1998), table II: 56/70 against 48/80, method 10
    found = difference_interval(56 / 70, 48 / 80, 70, 80)
    assert found == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_difference_covers_the_truth():
    rng = np.random.default_rng(0)
    n, first, second = 360, 0.97, 0.94
    covered = 0
    for _ in range(500):
        a, b = rng.binomial(n, first) / n, rng.binomial(n, second) / n
        low, high = difference_interval(a, b, n)
        covered += low <= first - second <= high
    assert 0.92 <= covered / 500 <= 0.99


def test_difference_is_antisymmetric():
    low, high = difference_interval(0.97, 0.95, 200)
    assert difference_interval(0.95, 0.97, 200) == pytest.approx((-high, -low))


def test_more_images_tell_more():
    best, other = trial(0, 0.98, 1.0), trial(1, 0.96, 1.0)
    far, unknown = trial(2, 0.50, 1.0), trial(3)
    assert judge_front([best, other, far, unknown], 100).ties == (1,)
    assert judge_front([best, other, far, unknown], 10_000).ties == ()


@pytest.mark.parametrize(("accuracy", "n"), [(1.2, 10), (0.5, 0), (float("nan"), 10)])
def test_bad_input(accuracy, n):
    with pytest.raises(ValueError, match="must hold"):
        accuracy_interval(accuracy, n)


def test_number_of_images_from_the_configuration():
    assert num_images(run(config={"data": {"val": 360, "test": 359}})) == 360
    assert num_images(run(config={"data": {"val": 360, "test": 359}}), "test") == 359
    assert num_images(run(config={"data": {"val": "many"}})) is None
    assert num_images(run(config={"data": "digits"})) is None
    assert num_images(run()) is None
