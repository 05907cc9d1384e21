"""The interval of the median against binomial tables and simulation."""

import numpy as np
import pytest

from archsearch.cost.latency_interval import (
    is_narrow,
    is_steady,
    median_interval,
    percentile,
)


def test_six_values_give_their_range():
    # 1 - 2 / 2**6 = 96.9 % is the nearest that six values can come to 95 %
    lower, upper = median_interval([3.0, 1.0, 2.0, 6.0, 5.0, 4.0])
    assert 1.0 <= lower < 1.5
    assert 5.5 < upper <= 6.0


@pytest.mark.parametrize("values", [[2.0], [1.0, 3.0], [1.0, 2.0, 3.0, 4.0, 9.0]])
def test_fewer_values_give_their_range(values):
    assert median_interval(values) == (min(values), max(values))


def test_no_values():
    with pytest.raises(ValueError, match="no values"):
        median_interval([])


@pytest.mark.parametrize("count", [6, 7, 8, 11, 20, 41])
@pytest.mark.parametrize("shape", ["normal", "lognormal"])
def test_interval_covers_the_median_95_times_in_100(count, shape):
    rng = np.random.default_rng(count)
    draws = rng.normal(size=(2000, count))
    if shape == "lognormal":
        draws = np.exp(draws)
    truth = 0.0 if shape == "normal" else 1.0
    covered = 0
    for row in draws:
        lower, upper = median_interval(row.tolist())
        covered += lower <= truth <= upper
    assert covered / 2000 == pytest.approx(0.95, abs=0.02)


def test_order_statistics_at_twenty():
    # the classical interval at n = 20 is the 6th to the 15th value (95.9 %)
    lower, upper = median_interval([float(value) for value in range(1, 21)])
    assert 6.0 <= lower < 6.5
    assert 14.5 < upper <= 15.0


@pytest.mark.parametrize("percent", [0, 10, 50, 90, 100])
def test_percentile_is_numpys(percent):
    values = np.random.default_rng(0).normal(size=17)
    assert percentile(values.tolist(), percent) == pytest.approx(np.percentile(values, percent))


def test_narrow_and_wide():
    assert is_narrow([1.0, 1.001, 1.002, 1.001, 1.0, 1.001], 0.02)
    assert not is_narrow([1.0, 1.1, 1.0, 1.1, 1.0, 1.1], 0.02)


@pytest.mark.parametrize(
    ("times", "steady"),
    [
        ([], False),
        ([1.0, 1.0, 1.0], False),
        ([9.0, 4.0, 2.0, 1.5], False),
        ([9.0, 1.0, 1.02, 1.0, 1.01], True),
        ([1.0, 1.0, 2.0, 2.0], False),
    ],
)
def test_steady(times, steady):
    assert is_steady(times) is steady
