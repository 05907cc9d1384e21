"""The Gaussian process against the textbook formula and against truth."""

import itertools

import numpy as np
import pytest
from scipy.stats import spearmanr

from archsearch.search.samplers.surrogate.gaussian_process import GaussianProcess
from archsearch.space import flat_space

SPACE = flat_space({**{f"c{i}": ["a", "b", "c"] for i in range(5)}, "n": {"int": [1, 6]}})


def truth(params):
    effects = {"a": 0.0, "b": 1.0, "c": 2.5}
    additive = sum((i + 1) * effects[params[f"c{i}"]] for i in range(5))
    return additive + 0.5 * params["n"] ** 2 + 3.0 * (params["c0"] == "b" and params["c1"] == "c")


@pytest.fixture(scope="module")
def samples():
    rng = np.random.default_rng(0)
    params = [SPACE.sample(rng) for _ in range(400)]
    x = np.array([SPACE.encode(each) for each in params])
    return x, np.array([truth(each) for each in params])


def test_it_predicts_what_it_has_not_seen(samples):
    x, y = samples
    model = GaussianProcess(SPACE.encoding)
    model.fit(x[:80], y[:80])
    mean, deviation = model.predict(x[200:])
    assert spearmanr(mean, y[200:]).statistic > 0.98
    assert np.sqrt(np.mean((mean - y[200:]) ** 2)) < 0.1 * y.std()
    # it knows how wrong it is, within a factor of two
    assert 0.5 < np.sqrt(np.mean(((mean - y[200:]) / deviation) ** 2)) < 2.0


def test_it_is_the_formula_of_the_book(samples):
    x, y = samples
    x, y = x[:40], y[:40]
    model = GaussianProcess(SPACE.encoding)
    model.fit(x, y)
    settings = model._settings
    z = (y - y.mean()) / y.std()
    weights = model._similarity._weights

    def covariance(a, b):
        distance = np.array([[np.abs((p - q) * weights).sum() for q in b] for p in a])
        smooth = np.exp(-distance / settings.length)
        return (1 - settings.linear) * smooth + settings.linear * (a @ b.T) / 6

    inverse = np.linalg.inv(covariance(x, x) + (settings.noise + 1e-8) * np.eye(len(x)))
    new = samples[0][50:60]
    cross = covariance(new, x)
    scale = z @ inverse @ z / len(z)
    variance = scale * (np.diag(covariance(new, new)) - np.diag(cross @ inverse @ cross.T))
    mean, deviation = model.predict(new)
    assert mean == pytest.approx(cross @ inverse @ z * y.std() + y.mean(), rel=1e-5)
    assert deviation == pytest.approx(np.sqrt(variance) * y.std(), rel=1e-3, abs=1e-4)


def test_equal_data_give_equal_models(samples):
    x, y = samples
    models = [GaussianProcess(SPACE.encoding) for _ in range(2)]
    for model in models:
        model.fit(x[:60], y[:60])
    first, second = (model.predict(x[100:110]) for model in models)
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one, other)


def test_constant_values_do_no_harm(samples):
    x, _ = samples
    model = GaussianProcess(SPACE.encoding)
    model.fit(x[:10], np.ones(10))
    mean, _ = model.predict(x[20:30])
    assert mean == pytest.approx(np.ones(10))


def test_unordered_values_are_as_far_apart_as_the_ends_of_a_range():
    encoding = SPACE.encoding
    base = {**{f"c{i}": "a" for i in range(5)}, "n": 1}

    def apart(**changes):
        difference = SPACE.encode({**base, **changes}) - SPACE.encode(base)
        return np.abs(difference * encoding.weights).sum()

    assert apart(c0="b") == apart(c0="c") == apart(n=6) == 1.0
    assert apart(n=2) == pytest.approx(0.2)
    groups = [set(encoding.groups[i : i + 3]) for i in range(0, 15, 3)]
    assert groups == [{i} for i in range(5)]
    assert list(itertools.chain(encoding.groups))[-1] == 5
