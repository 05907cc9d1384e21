"""Gains along a chain of networks: values by hand, intervals counted."""

import numpy as np
import pytest

from archsearch.analysis.path_comparison import path_gains


def test_values_are_mean_differences_over_common_seeds():
    chain = [{1: 0.50, 2: 0.52, 3: 0.51}, {1: 0.53, 2: 0.56}, {1: 0.52, 2: 0.54, 3: 0.9}]
    found = path_gains(chain, 1000)
    assert [each.value for each in found.steps] == pytest.approx([0.035, -0.015])
    assert [each.num_pairs for each in found.steps] == [2, 2]
    assert found.total.num_pairs == 3
    assert found.total.value == pytest.approx((0.02 + 0.02 + 0.39) / 3)


def test_without_pairs_or_spread_there_are_no_gains():
    assert path_gains([{1: 0.5, 2: 0.5}, {3: 0.5, 4: 0.6}]) is None
    assert path_gains([{1: 0.5}, {1: 0.6}]) is None


@pytest.mark.parametrize("seeds", [3, 5])
def test_intervals_hold_all_steps_together(seeds):
    rng = np.random.default_rng(11)
    truth, repeats = np.array([0.5, 0.53, 0.53, 0.56, 0.55]), 300
    steps = np.diff(truth)
    together = total = 0
    for _ in range(repeats):
        luck = 0.02 * rng.standard_normal(seeds)
        values = truth[:, None] + luck + 0.01 * rng.standard_normal((len(truth), seeds))
        found = path_gains([dict(enumerate(own)) for own in values.tolist()])
        together += all(
            low <= step <= high
            for step, (low, high) in zip(
                steps, (each.interval for each in found.steps), strict=True
            )
        )
        low, high = found.total.interval
        total += low <= truth[-1] - truth[0] <= high
    assert 0.92 <= together / repeats <= 0.985
    assert total / repeats >= 0.92
