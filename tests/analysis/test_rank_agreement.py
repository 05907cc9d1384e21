import itertools
import math

import numpy as np
import pytest

from archsearch.analysis import (
    epoch_correlations,
    kendall_interval,
    kendall_tau,
    rank_correlation,
)
from tests.analysis.made_records import trial


def naive_tau_b(x, y) -> float:
    """Concordant minus discordant pairs over the geometric mean of the untied pairs."""
    both = untied_x = untied_y = 0
    for (a, b), (c, d) in itertools.combinations(zip(x, y, strict=True), 2):
        both += np.sign(a - c) * np.sign(b - d)
        untied_x += a != c
        untied_y += b != d
    return both / math.sqrt(untied_x * untied_y)


@pytest.mark.parametrize("seed", range(5))
def test_tau_equals_its_definition_with_ties(seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 8, 40)
    y = x + rng.integers(0, 6, 40)
    assert kendall_tau(x, y) == pytest.approx(naive_tau_b(x, y))


def test_tau_of_known_orders():
    assert kendall_tau([1, 2, 3, 4], [1, 2, 3, 4]) == pytest.approx(1)
    assert kendall_tau([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    assert kendall_tau([1, 2, 3, 4], [1, 2, 4, 3]) == pytest.approx(4 / 6)
    assert math.isnan(kendall_tau([1, 1, 1], [1, 2, 3]))


@pytest.mark.parametrize(("correlation", "n"), [(0.0, 12), (0.6, 12), (0.6, 40), (0.9, 20)])
def test_interval_covers_the_true_tau(correlation, n):
    # for a bivariate normal, tau = 2 / pi * asin(rho)
    rng = np.random.default_rng(0)
    truth = 2 / math.pi * math.asin(correlation)
    covered = 0
    for _ in range(400):
        x = rng.normal(size=n)
        y = correlation * x + math.sqrt(1 - correlation**2) * rng.normal(size=n)
        low, high = kendall_interval(kendall_tau(x, y), n)
        covered += low <= truth <= high
    assert 0.92 <= covered / 400 <= 0.995


def test_few_pairs_claim_nothing():
    assert kendall_interval(1.0, 4) == (-1.0, 1.0)
    low, high = kendall_interval(1.0, 6)
    assert low < 0.75
    assert high == 1.0
    assert kendall_interval(-1.0, 6) == (-1.0, -low)
    wide, narrow = kendall_interval(0.5, 10), kendall_interval(0.5, 100)
    assert wide[0] < narrow[0] < 0.5 < narrow[1] < wide[1]


def test_only_trials_that_reached_both_epochs_count():
    trials = [trial(i, 0.9, 1.0, curve=(0.1 * i, 0.5, 0.1 * i + 0.2)) for i in range(6)]
    trials += [trial(9, None, 1.0, state="pruned", curve=(0.9,))]
    found = rank_correlation(trials, 1, 3)
    assert found is not None
    assert (found.n, found.early, found.late) == (6, 1, 3)
    assert found.tau == pytest.approx(1.0)
    assert rank_correlation(trials[:4], 1, 3) is None  # too few
    assert rank_correlation(trials, 1, 2) is None  # all equal at epoch 2


def test_every_epoch_against_the_last():
    rng = np.random.default_rng(0)
    trials = [trial(i, 0.9, 1.0, curve=tuple(rng.random(4))) for i in range(10)]
    assert [(each.early, each.late) for each in epoch_correlations(trials)] == [
        (1, 4),
        (2, 4),
        (3, 4),
    ]
    assert epoch_correlations([]) == ()
    assert epoch_correlations([trial(0, 0.5, 1.0, curve=(0.5,))]) == ()
