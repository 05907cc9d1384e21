"""The regression on choices against one with its weights written out."""

from itertools import combinations

import numpy as np
import pytest

from archsearch.analysis.choice_effects import ORDERS, Choices
from archsearch.analysis.choice_model import VARIANCES, ChoiceModel, effective_df
from archsearch.space import flat_space

SPACE = flat_space({"a": [1, 2, 3], "b": ["x", "y", "z"], "c": [True, False], "d": {"int": [1, 4]}})
CHOICES = Choices(tuple(SPACE.parameters.values()))
MEAN = 1e4


def made(count, seed=0):
    rng = np.random.default_rng(seed)
    codes = CHOICES.codes([SPACE.sample(rng) for _ in range(count)])
    return codes, rng.normal(size=count) + 1.5 * (codes[:, 0] == 2), rng.integers(1, 4, count)


def features(codes):
    """Return (N, W) one column for each effect, and (W,) the order of each."""
    columns, orders = [np.ones(len(codes))], [0]
    roots = []
    for table in CHOICES.tables:
        sizes, vectors = np.linalg.eigh(table)
        roots.append(vectors * np.sqrt(np.clip(sizes, 0.0, None)))
    for order in range(1, ORDERS + 1):
        for which in combinations(range(len(roots)), order):
            block = np.ones((len(codes), 1))
            for p in which:
                own = roots[p][codes[:, p]]
                block = (block[:, :, None] * own[:, None, :]).reshape(len(codes), -1)
            columns += list(block.T)
            orders += [order] * block.shape[1]
    # a column for every configuration that there is
    for each in np.ndindex(*(len(table) - 1 for table in CHOICES.tables)):
        columns.append((codes == each).all(1).astype(float))
        orders.append(ORDERS + 1)
    return np.array(columns).T, np.array(orders)


def series(left, right):
    """Return (N, M, PLACES) covariances from every set of parameters."""
    z = [CHOICES.likeness(p, left, right) for p in range(len(CHOICES.parameters))]
    orders = [
        sum((np.prod(c, axis=0) for c in combinations(z, d)), np.zeros(z[0].shape))
        for d in range(1, ORDERS + 1)
    ]
    same = (left[:, None] == right[None]).all(-1)
    return np.stack([np.ones(z[0].shape), *orders, same], -1)


def test_posterior_is_that_of_the_weights():
    codes, y, counts = made(40)
    new = CHOICES.codes([SPACE.sample(np.random.default_rng(5)) for _ in range(6)])
    model = ChoiceModel(CHOICES, codes, y, counts)
    x, orders = features(codes)
    wanted, _ = features(new)
    contrast = wanted[:3] - wanted[3:]
    means, covariances, weights = [], [], []
    for each in model.settings:
        variances = np.append(MEAN, each.ratios @ model.scale)[orders]
        noise = 1.0 / counts
        # information of prior and data, in units of the noise
        precision = np.diag(1.0 / variances) + x.T @ (x / noise[:, None])
        weight = np.linalg.solve(precision, x.T @ ((y - y.mean()) / noise))
        left = (y - y.mean()) - x @ weight
        scale = float((left**2 / noise).sum() + (weight**2 / variances).sum()) / (len(y) - 1)
        means.append(contrast @ weight)
        covariances.append(scale * contrast @ np.linalg.solve(precision, contrast.T))
        weights.append(each.weight)
    mean = np.average(means, axis=0, weights=weights)
    apart = np.array(means) - mean
    covariance = np.average(covariances, axis=0, weights=weights)
    covariance += np.einsum("s,si,sj->ij", weights, apart, apart)

    cross = series(new[:3], codes) - series(new[3:], codes)
    prior = series(new[:3], new[:3]) - series(new[:3], new[3:])
    prior += series(new[3:], new[3:]) - series(new[3:], new[:3])
    found = model.ask(cross, prior)
    np.testing.assert_allclose(found.mean, mean, atol=1e-6)
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-4, atol=1e-7)
    # the means are these sums of what was observed
    np.testing.assert_allclose(found.weights @ (y - y.mean()), found.mean, atol=1e-6)


def test_the_gradient_is_that_of_the_density():
    codes, y, counts = made(30, seed=1)
    model = ChoiceModel(CHOICES, codes, y, counts)
    at = np.array([0.5, -1.0, -2.0, 0.3])
    _, gradient = model.negative_log_density(at)
    for axis, e in enumerate(np.eye(VARIANCES)):
        ends = [model.negative_log_density(at + step * e)[0] for step in (1e-5, -1e-5)]
        assert gradient[axis] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-4, abs=1e-6)


def test_values_of_a_parameter_have_effects_that_add_up_to_zero():
    for parameter, table in zip(CHOICES.parameters, CHOICES.tables, strict=True):
        values = table[:-1, :-1]
        np.testing.assert_allclose(values.sum(0), 0.0, atol=1e-12)
        assert np.diag(values).mean() == pytest.approx(1.0)
        # what is not active has no effect
        assert not table[-1].any()
        assert not table[:, -1].any()
        if parameter.ordered and len(parameter.values) > 3:
            assert values[0, 1] > values[0, 3]


def test_a_pair_with_a_variance_of_its_own_is_a_regression_with_that_variance():
    codes, y, counts = made(40, seed=3)
    model = ChoiceModel(CHOICES, codes, y, counts)
    wanted = CHOICES.codes(
        [{"a": 3, "b": "z", "c": True, "d": 2}, {"a": 1, "b": "x", "c": True, "d": 2}]
    )
    likeness = [CHOICES.likeness(p, codes, codes) for p in (0, 1)]
    # what of a difference is the pair's alone
    ends = [CHOICES.likeness(p, wanted, codes) for p in (0, 1)]
    own = ends[0][0] * ends[1][0] - ends[0][1] * ends[1][1]
    among = [CHOICES.likeness(p, wanted, wanted) for p in (0, 1)]
    table = among[0] * among[1]
    variance = table[0, 0] - table[0, 1] - table[1, 0] + table[1, 1]
    cross = series(wanted, codes)
    cross = cross[:1] - cross[1:]
    prior = series(wanted, wanted)
    prior = (prior[0, 0] - prior[0, 1] - prior[1, 0] + prior[1, 1])[None, None]
    found = model.ask_of_pair(cross, prior, (0, 1), (own, variance))
    means, variances, weights = [], [], []
    for each in model.settings:
        scale = np.append(MEAN, each.ratios @ model.scale)
        extra = scale[1]
        covariance = np.linalg.inv(each.inverse) + extra * likeness[0] * likeness[1]
        row = (cross @ scale)[0] + extra * own
        solved = np.linalg.solve(covariance, y - y.mean())
        noise = (y - y.mean()) @ solved / (len(y) - 1)
        known = row @ np.linalg.solve(covariance, row)
        means.append(row @ solved)
        variances.append(noise * ((prior @ scale)[0, 0] + extra * variance - known))
        weights.append(each.weight)
    mean = np.average(means, weights=weights)
    assert found.mean[0] == pytest.approx(mean, abs=1e-6)
    between = np.average((np.array(means) - mean) ** 2, weights=weights)
    wanted_variance = np.average(variances, weights=weights) + between
    assert found.covariance[0, 0] == pytest.approx(wanted_variance, rel=1e-5)


def test_degrees_of_freedom_are_those_of_the_observations_that_count():
    rng = np.random.default_rng(0)
    # a tenth of 400 observations is summed, the others hardly count
    weights = np.append(np.full(40, 1.0), np.full(360, 1e-4))
    assert effective_df(weights) == pytest.approx(40, rel=1e-3)
    assert effective_df(np.ones(25)) == 24
    assert effective_df(np.append(1.0, np.zeros(99))) == 3
    # the degrees of freedom of a chi-squared variable: twice the squared mean over the variance
    weights = rng.normal(size=30)
    spreads = (weights**2 * rng.normal(size=(200_000, 30)) ** 2).sum(1)
    wanted = 2 * spreads.mean() ** 2 / spreads.var()
    assert effective_df(weights) == pytest.approx(wanted, rel=0.03)


def test_trainings_of_the_same_networks_tell_noise_from_what_they_have_to_themselves():
    rng = np.random.default_rng(0)
    codes = np.repeat(made(40)[0], 4, axis=0)
    noise = 0.1 * rng.normal(size=len(codes))
    _, which = np.unique(codes, axis=0, return_inverse=True)
    apart = ChoiceModel(CHOICES, codes, rng.normal(size=which.max() + 1)[which] + noise)
    assert apart.noise == pytest.approx(0.1, rel=0.2)
    assert apart.beyond > 3 * apart.noise
