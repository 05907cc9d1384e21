import numpy as np
import pytest
from scipy.stats import multivariate_t, nct
from scipy.stats import t as student

from archsearch.analysis.max_t import MaxT, power


def dunnett(count: int) -> np.ndarray:
    """Return the correlation of differences to one base over the same seeds."""
    return 0.5 * (np.eye(count) + np.ones((count, count)))


@pytest.mark.parametrize(
    ("count", "df", "critical"),
    # two-sided 5 % points of Dunnett's table II (Biometrics 20, 1964)
    [(1, 10, 2.23), (2, 10, 2.57), (3, 10, 2.76), (3, 20, 2.54), (9, 20, 2.95), (5, 60, 2.58)],
)
def test_critical_values_are_the_printed_ones(count, df, critical):
    assert MaxT(dunnett(count)).critical(df) == pytest.approx(critical, abs=0.012)


def test_one_statistic_is_students():
    one = MaxT(np.ones((1, 1)))
    assert one.critical(4, 0.9) == pytest.approx(student.ppf(0.95, 4))
    assert one.p(2.0, 4) == pytest.approx(2 * student.sf(2.0, 4))


def test_p_agrees_with_the_multivariate_t_of_scipy():
    correlation = np.array([[1.0, 0.5, 0.2], [0.5, 1.0, 0.35], [0.2, 0.35, 1.0]])
    inside = multivariate_t(shape=correlation, df=6).cdf(
        np.full(3, 2.2), lower_limit=np.full(3, -2.2), maxpts=200_000, random_state=0
    )
    assert MaxT(correlation).p(2.2, 6) == pytest.approx(1 - inside, abs=0.003)


def test_critical_value_and_p_belong_together():
    three = MaxT(dunnett(3))
    assert three.p(three.critical(8, 0.95), 8) == pytest.approx(0.05, abs=1e-4)
    assert three.p(-3.0, 8) == three.p(3.0, 8)


def test_power_is_the_level_without_an_effect_and_grows():
    critical = float(student.ppf(0.975, 9))
    found = [power(gap, 1.0, 9, critical) for gap in (0.0, 1.0, 3.0, 9.0)]
    assert found[0] == pytest.approx(0.05, abs=1e-4)
    assert found == sorted(found)
    assert found[-1] > 0.999


def test_power_is_the_noncentral_t():
    expected = nct.sf(2.5, 6, 2.0) + nct.cdf(-2.5, 6, 2.0)
    assert power(-4.0, 2.0, 6, 2.5) == pytest.approx(expected, abs=1e-4)
