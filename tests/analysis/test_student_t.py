import math

import pytest
from scipy import stats

from archsearch.analysis.student_t import t_quantile, t_two_sided_p

DF = [1.0, 2.5, 30.0, 1e6, math.inf]


@pytest.mark.parametrize("df", DF)
@pytest.mark.parametrize("probability", [0.001, 0.5, 0.9, 0.975])
def test_the_quantile_is_that_of_scipy(df: float, probability: float) -> None:
    expected = stats.t.ppf(probability, df)
    assert t_quantile(probability, df) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("df", DF)
@pytest.mark.parametrize("t", [-3.0, 0.0, 0.7, 12.0])
def test_the_p_value_is_that_of_scipy(df: float, t: float) -> None:
    assert t_two_sided_p(t, df) == pytest.approx(2 * stats.t.sf(abs(t), df), rel=1e-9)
