import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from archsearch.analysis import choice_effects, explained_share, leave_one_out, one_hot


def test_omega_squared_of_a_worked_example():
    # two groups of three: means 2 and 5, sum of squares between 13.5, within 4 on 4 degrees
    share = explained_share(list("aaabbb"), [1, 2, 3, 4, 5, 6])
    assert share == pytest.approx((13.5 - 1.0) / (17.5 + 1.0))


def test_noise_explains_about_nothing():
    rng = np.random.default_rng(0)
    shares = [
        explained_share(rng.integers(0, 4, 60).tolist(), rng.normal(size=60)) for _ in range(200)
    ]
    assert np.mean(shares) < 0.03


@pytest.mark.parametrize(
    ("levels", "values"), [([], []), (["a", "a"], [1, 2]), (["a", "b"], [1, 2]), ("aab", [3, 3, 3])]
)
def test_nothing_to_explain(levels, values):
    assert explained_share(levels, values) == 0.0


def test_effects_find_the_choice_that_matters():
    rng = np.random.default_rng(1)
    choices = [
        {"depth": int(rng.integers(3)), "width": int(rng.integers(3)), "same": 1}
        | ({"window": 4} if rng.random() < 0.5 else {})
        for _ in range(80)
    ]
    values = [each["depth"] + 0.1 * rng.normal() for each in choices]
    effects = choice_effects(choices, values)
    assert effects[0].name == "depth"
    assert effects[0].share > 0.95
    assert {each.name for each in effects} == {"depth", "width", "window"}


def test_leave_one_out_equals_doing_it():
    rng = np.random.default_rng(2)
    choices = [{"a": int(rng.integers(4)), "b": str(rng.integers(3))} for _ in range(40)]
    x = one_hot(choices)
    assert x.shape == (40, 8)
    assert (x.sum(axis=1) == 3).all()
    y = rng.normal(size=40) + x[:, 0]
    slow = cross_val_predict(Ridge(alpha=0.3), x[:, :-1], y, cv=LeaveOneOut())
    np.testing.assert_allclose(leave_one_out(x, y), slow, atol=1e-6)
