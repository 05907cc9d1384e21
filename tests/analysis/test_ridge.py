import numpy as np
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from archsearch.analysis import leave_one_out, one_hot


def test_leave_one_out_equals_doing_it():
    rng = np.random.default_rng(2)
    choices = [{"a": int(rng.integers(4)), "b": str(rng.integers(3))} for _ in range(40)]
    x = one_hot(choices)
    assert x.shape == (40, 8)
    assert (x.sum(axis=1) == 3).all()
    y = rng.normal(size=40) + x[:, 0]
    slow = cross_val_predict(Ridge(alpha=0.3), x[:, :-1], y, cv=LeaveOneOut())
    np.testing.assert_allclose(leave_one_out(x, y), slow, atol=1e-6)
