"""The model of curves against the textbook formula, and against truth that it must find."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import kendalltau

from archsearch.search.samplers.surrogate.curve_model import (
    CurveProcess,
    bin_ends,
    binned,
    middles,
)
from archsearch.search.samplers.surrogate.gaussian_process import GaussianProcess
from archsearch.space import flat_space

SPACE = flat_space({**{f"c{i}": ["a", "b", "c"] for i in range(5)}, "n": {"int": [1, 6]}})
ENDS = bin_ends((5, 27))


@pytest.fixture(scope="module")
def networks():
    """Encoded configurations, their curves with luck and noise, and their true last values."""
    rng = np.random.default_rng(0)
    params = [SPACE.sample(rng) for _ in range(300)]
    x = np.array([SPACE.encode(each) for each in params])
    early, late = x @ rng.normal(size=(2, x.shape[1])).T[:, 0], x @ rng.normal(size=x.shape[1])
    epochs = np.arange(1, 28)
    share = (np.log(epochs) / np.log(27))[None]
    truth = early[:, None] + share * late[:, None] - 3 * share
    luck = 0.4 * truth.std() * rng.normal(size=(len(x), 1))
    curves = truth + luck + 0.2 * truth.std() * rng.normal(size=truth.shape)
    return x, curves, truth[:, -1], luck[:, 0]


def learnt(x, curves, lengths):
    model = CurveProcess(SPACE.encoding, middles(ENDS))
    model.fit(x, [binned(curve[:n], ENDS) for curve, n in zip(curves, lengths, strict=True)])
    return model


@pytest.mark.parametrize("stops", [(1, 2), (2, 9), (5, 27), (3, 7, 40), (20, 100), (1, 300)])
def test_bins_grow_and_end_where_trainings_pause(stops):
    ends = bin_ends(stops)
    assert set(stops) <= set(ends)
    assert ends[0] == 1
    assert all(low < high <= max(2.5 * low, low + 1) for low, high in pairwise(ends))


def test_a_bin_is_the_mean_of_its_epochs():
    curve = np.arange(1.0, 10.0)
    assert binned(curve, (1, 3, 9)).tolist() == [1.0, 2.5, 6.5]
    assert binned(curve[:2], (1, 3, 9)).tolist() == [1.0, 2.0], "as far as it goes"
    assert middles((1, 3, 9)) == [1.0, 2.5, 6.5]


def test_it_is_the_formula_of_the_book(networks):
    x, curves, _, _ = networks
    x, curves, new = x[:12], curves[:12], x[50:60]
    lengths = [27] * 4 + [5] * 8
    model = learnt(x, curves, lengths)
    rows = [
        (i, b, value)
        for i, n in enumerate(lengths)
        for b, value in enumerate(binned(curves[i][:n], ENDS))
    ]
    y = np.array([value for *_, value in rows])
    y = y / y.std()
    own, alike = model._epochs, model._similarity.covariance
    logs = np.log1p(np.array(middles(ENDS)))
    at = logs / logs[-1]

    def between(a, b, reach, growth):
        size = np.exp(growth * (at[a] - 1)) * np.exp(growth * (at[b] - 1))
        return size * np.exp(-abs(at[a] - at[b]) / reach)

    k = alike(x, x, model._settings)
    covariance = np.zeros((len(rows), len(rows)))
    for p, (i, a, _) in enumerate(rows):
        for q, (j, b, _) in enumerate(rows):
            covariance[p, q] = k[i, j] * between(a, b, own.reach, own.growth)
            if i == j:
                covariance[p, q] += own.luck * between(a, b, own.luck_reach, own.luck_growth)
            if p == q:
                covariance[p, q] += own.noise + 1e-8
    inverse = np.linalg.inv(covariance)
    design = np.array([[float(b == c) for c in range(len(ENDS))] for _, b, _ in rows])
    means = np.linalg.solve(design.T @ inverse @ design, design.T @ inverse @ y)
    rest = y - design @ means
    cross = alike(new, x, model._settings)
    last = len(ENDS) - 1
    cross = np.stack(
        [cross[:, i] * between(last, b, own.reach, own.growth) for i, b, _ in rows], axis=1
    )
    prior = np.diag(alike(new, new, model._settings))
    variance = rest @ inverse @ rest / len(y) * (prior - np.diag(cross @ inverse @ cross.T))
    scale = np.concatenate(
        [binned(c[:n], ENDS) for c, n in zip(curves, lengths, strict=True)]
    ).std()
    mean, deviation = model.predict(new)
    assert mean == pytest.approx((means[last] + cross @ inverse @ rest) * scale, rel=1e-5)
    assert deviation == pytest.approx(np.sqrt(variance) * scale, rel=1e-4)


def test_short_trainings_rank_better_than_few_long_ones(networks):
    x, curves, truth, _ = networks
    few = GaussianProcess(SPACE.encoding)
    few.fit(x[:12], curves[:12, -1])
    model = learnt(x[:44], curves[:44], [27] * 4 + [5] * 40)
    assert 4 * 27 + 40 * 5 < 12 * 27
    long, short = few.predict(x[100:])[0], model.predict(x[100:])[0]
    assert kendalltau(short, truth[100:]).statistic > kendalltau(long, truth[100:]).statistic + 0.1


def test_its_deviation_holds(networks):
    x, curves, truth, _ = networks
    mean, deviation = learnt(x[:60], curves[:60], [27] * 10 + [5] * 50).predict(x[100:])
    assert 0.4 < np.sqrt(np.mean(((mean - truth[100:]) / deviation) ** 2)) < 1.6


def test_luck_is_told_from_what_a_configuration_does(networks):
    """The luck of a training is not believed whole."""
    x, curves, truth, luck = networks
    mean, _ = learnt(x[:60], curves[:60], [27] * 60).predict(x[:60])
    believed = np.polyfit(luck[:60], mean - truth[:60], 1)[0]
    assert believed < 0.7
    assert np.polyfit(luck[:60], curves[:60, -1] - truth[:60], 1)[0] > 0.8, "the values show it all"


def test_equal_values_do_no_harm(networks):
    x, *_ = networks
    model = CurveProcess(SPACE.encoding, middles(ENDS))
    model.fit(x[:8], [np.full(7, 0.5)] * 8)
    mean, deviation = model.predict(x[20:30])
    assert mean == pytest.approx(np.full(10, 0.5))
    assert np.isfinite(deviation).all()
