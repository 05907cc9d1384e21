"""Which trainings are the most informative, and when an order is settled."""

import numpy as np
import pytest

from archsearch.analysis.attribution import Attribution, attribute, fit_path
from archsearch.analysis.attribution_design import most_informative, order_chance, order_is_settled
from archsearch.analysis.configuration_path import ConfigurationPath
from tests.analysis.test_attribution import BASE, NOISE, SPACE, TARGET, planted, search

PATH = ConfigurationPath(SPACE, BASE, TARGET)


def test_the_first_shrinks_the_widest_interval_most():
    observed, y = search(np.random.default_rng(3), 40)
    fitted = fit_path(PATH, observed, y)
    allowed = PATH.coalitions()
    (first,) = most_informative(fitted, 1, allowed)
    codes = fitted.model.choices.codes([PATH.known(each) for each in allowed])
    cross, prior = fitted.game.covariances(PATH.singles, fitted.model.codes)
    variances = np.diag(fitted.model.ask(cross, prior).covariance)
    widest = int(np.argmax(variances))
    # the posterior when each mixture were observed as well, at the same variances
    left = []
    for code in codes:
        model = fitted.model
        between = []
        for each in model.settings:
            scale = np.append(1e4, each.ratios @ model.scale)
            both = np.vstack([model.codes, code])
            covariance = model.series(both, both) @ scale + np.eye(len(both))
            row = (fitted.game.covariances([PATH.singles[widest]], both)[0] @ scale)[0]
            own = (prior @ scale)[widest, widest]
            known = row @ np.linalg.solve(covariance, row)
            between.append(each.weight * each.noise * (own - known))
        left.append(sum(between))
    chosen = left[allowed.index(first)]
    assert chosen <= min(left) + 0.1 * (max(left) - min(left))


def test_chosen_trainings_say_more_than_random_ones():
    ratios = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        observed, y = search(rng, 40)
        allowed = PATH.coalitions()
        best = most_informative(fit_path(PATH, observed, y), 20, allowed)
        random = [allowed[int(i)] for i in rng.integers(len(allowed), size=20)]
        widths = []
        for sets in (best, random):
            more = [PATH.mixture(each) for each in sets]
            values = [planted(each) + NOISE * rng.standard_normal() for each in more]
            found = attribute(PATH, [*observed, *more], np.append(y, values), pairs=())
            widths.append(max(np.diag(found.covariance)))
        ratios.append(widths[0] / widths[1])
    assert np.mean(ratios) < 1.0


@pytest.mark.parametrize(
    ("means", "error", "settled"),
    [
        ((3.0, -2.0, 1.0, 0.0), 0.1, True),
        ((3.0, 2.0, 1.0, 0.9), 0.1, False),
        ((3.0, 2.9, 1.0, 0.0), 0.5, False),
        ((1.0,), 5.0, True),
    ],
)
def test_order_is_settled_where_draws_agree(means, error, settled):
    names = tuple("abcd"[: len(means)])
    covariance, weights = error**2 * np.eye(len(means)), np.ones((len(means), 101))
    used = np.ones(30, dtype=bool)
    found = Attribution(names, np.array(means), covariance, {}, weights, 1.0, used)
    assert order_is_settled(found) is settled


def test_chance_of_an_order_of_two_is_that_of_the_normal_distribution():
    used = np.ones(30, dtype=bool)
    found = Attribution(
        ("a", "b"), np.array([5.0, 4.0]), np.eye(2), {}, np.ones((2, 100_000)), 1.0, used
    )
    # the difference is normal with mean 1 and deviation sqrt(2)
    assert order_chance(found) == pytest.approx(0.7602, abs=0.01)
