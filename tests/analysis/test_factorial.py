from itertools import product

import numpy as np
import pytest

from archsearch.analysis.factorial import factorial_effects, holm
from archsearch.analysis.regression import Fit
from archsearch.errors import InputError
from tests.analysis.macro_table import FACTORS, ROWS, accuracies

TWO = {"a": ("on", "off"), "b": ("x", "y", "z")}


def exact(values: np.ndarray) -> dict[tuple[str, ...], float]:
    """Return the main effects of the whole table by plain averages."""
    mean = values.mean(1)
    return {
        (name, level): mean[[row[name] == level for row in ROWS]].mean() - mean.mean()
        for name, levels in FACTORS.items()
        for level in levels
    }


def coverage(repeats: int, seed: int) -> float:
    values = accuracies()
    truth, rng = exact(values), np.random.default_rng(seed)
    held = []
    for _ in range(repeats):
        chosen = rng.choice(len(ROWS), 200, replace=False)
        found = factorial_effects(
            FACTORS, [ROWS[i] for i in chosen], values[chosen, rng.integers(0, 3, 200)]
        )
        held += [
            each.interval[0] <= truth[each.factors + each.levels] <= each.interval[1]
            for each in found.main
        ]
    return float(np.mean(held))


def test_intervals_from_a_sample_hold_the_exact_effects():
    assert 0.92 <= coverage(60, seed=0) <= 0.98


@pytest.mark.slow
def test_intervals_from_a_sample_hold_the_exact_effects_200_times():
    assert 0.93 <= coverage(200, seed=0) <= 0.97


def test_all_combinations_give_plain_averages():
    rng = np.random.default_rng(0)
    rows = [dict(zip(TWO, levels, strict=True)) for levels in product(*TWO.values())]
    y = rng.standard_normal((2, 3))
    found = factorial_effects(TWO, rows, y.ravel())
    main = {each.factors + each.levels: each.estimate.value for each in found.main}
    assert main["a", "on"] == pytest.approx(y[0].mean() - y.mean())
    assert main["b", "z"] == pytest.approx(y[:, 2].mean() - y.mean())
    steps = {each.factors + each.levels: each.estimate.value for each in found.steps}
    assert steps["a", "off"] == pytest.approx(y[1].mean() - y[0].mean())
    pairs = {each.levels: each.estimate.value for each in found.interactions}
    assert pairs["off", "y"] == pytest.approx(y[1, 1] - y[1].mean() - y[:, 1].mean() + y.mean())
    assert found.mean.value == pytest.approx(y.mean())


def test_all_combinations_with_seeds_leave_the_noise_of_seeds_only():
    rng = np.random.default_rng(1)
    truth = 5.0 * rng.standard_normal((2, 3, 1))
    y = truth + 0.1 * rng.standard_normal((2, 3, 4)) + rng.standard_normal(4)
    places = list(product(range(2), range(3), range(4)))
    rows = [{"a": TWO["a"][i], "b": TWO["b"][j]} for i, j, _ in places]
    found = factorial_effects(TWO, rows, [y[p] for p in places], [k for _, _, k in places])
    cells = y.reshape(6, 4)
    rest = cells - cells.mean(1, keepdims=True) - cells.mean(0) + cells.mean()
    noise = np.sqrt((rest**2).sum() / 15)
    assert found.noise == pytest.approx(noise)
    step = found.steps[0].estimate
    assert step.error == pytest.approx(noise * np.sqrt(2 / 12))
    assert step.df == pytest.approx(15)


def test_a_fraction_names_what_it_confounds():
    names = ("a", "b", "c", "d")
    factors = dict.fromkeys(names, ("-", "+"))
    signs = [(i, j, k, i * j * k) for i, j, k in product((-1, 1), repeat=3)]
    rows = [{n: "+" if s > 0 else "-" for n, s in zip(names, row, strict=True)} for row in signs]
    found = factorial_effects(factors, rows, np.arange(8.0))
    assert len(found.main) == 8
    assert any("a x b and c x d cannot be distinguished" in text for text in found.unclear)
    # of resolution III: each main effect looks like an interaction
    half = [row for row in rows if row["a"] == "+" or row["b"] == "+"][:4]
    with pytest.raises(InputError, match="main effects of 4 factors need at least 5"):
        factorial_effects(factors, half, np.arange(4.0))


def test_wrong_factors_are_refused_together():
    with pytest.raises(InputError) as caught:
        factorial_effects({"a": ("on",), "b": ("x", "y")}, [{"a": "on", "b": "q"}], [1.0])
    text = str(caught.value)
    assert "a: a factor needs at least two levels, but got ['on']" in text
    assert "b: must be one of x, y, but got 'q'" in text


def test_the_robust_error_is_the_plain_sum():
    rng = np.random.default_rng(2)
    x = np.column_stack([np.ones(30), rng.standard_normal((30, 2))])
    y = rng.standard_normal(30) * (1 + x[:, 1] ** 2)
    found = Fit(x, y).estimate([0.0, 1.0, 0.0])
    beta = np.linalg.lstsq(x, y, rcond=None)[0]
    # a residual over one minus its leverage is that of a fit without its row
    alone = [
        y[i] - x[i] @ np.linalg.lstsq(np.delete(x, i, 0), np.delete(y, i), rcond=None)[0]
        for i in range(30)
    ]
    bread = np.linalg.inv(x.T @ x)
    meat = sum(e**2 * np.outer(row, row) for e, row in zip(alone, x, strict=True))
    assert found.value == pytest.approx(beta[1])
    assert found.error == pytest.approx(np.sqrt((bread @ meat @ bread)[1, 1]))
    assert 1 <= found.df <= 27


def test_degrees_of_freedom_of_equal_groups_are_welchs():
    # two groups of five: Satterthwaite with equal variances gives 8 degrees of freedom
    x = np.column_stack([np.ones(10), np.repeat([0.0, 1.0], 5)])
    y = np.tile([-1.0, 1.0, -1.0, 1.0, 0.0], 2)
    assert Fit(x, y).estimate([0.0, 1.0]).df == pytest.approx(8)


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []
