import numpy as np
import pytest

from archsearch.analysis import choice_marginals


def made(count: int = 300, seed: int = 0):
    """Return trials in which one choice is slow and accurate for it, another accurate for free."""
    rng = np.random.default_rng(seed)
    params, accuracy, latency = [], [], []
    for _ in range(count):
        attention = str(rng.choice(["window", "global"]))
        width = int(rng.choice([16, 32]))
        each = {"attention": attention, "width": width}
        if attention == "window":
            each["attention.window_size"] = int(rng.choice([2, 4]))
        log_ms = 0.5 * (width == 32) + 0.1 * rng.standard_normal()
        params.append(each)
        latency.append(np.exp(log_ms))
        accuracy.append(
            0.8 + 0.02 * (attention == "global") + 0.06 * log_ms + 0.01 * rng.standard_normal()
        )
    return params, accuracy, latency


def test_equal_latency_takes_away_what_latency_buys():
    rows = {(row.parameter, row.value): row for row in choice_marginals(*made())}
    wide, free = rows["width", 32], rows["attention", "global"]
    low, high = wide.difference.interval()
    assert low <= 0.015 <= high
    low, high = wide.at_latency.interval()
    assert low <= 0.0 <= high
    low, high = free.at_latency.interval()
    assert 0.0 < low <= 0.01 <= high
    assert free.p < 0.01 < wide.p
    low, high = wide.latency.interval()
    assert low <= 0.25 <= high


def test_differences_of_a_parameter_add_up_to_zero():
    rows = choice_marginals(*made())
    for name in {row.parameter for row in rows}:
        own = [row for row in rows if row.parameter == name]
        assert sum(row.at_latency.value for row in own) == pytest.approx(0.0, abs=1e-9)
        assert sum(row.latency.value for row in own) == pytest.approx(0.0, abs=1e-9)


def test_conditional_parameters_are_judged_where_they_are_active():
    params, accuracy, latency = made()
    rows = [r for r in choice_marginals(params, accuracy, latency) if "window_size" in r.parameter]
    active = [i for i, each in enumerate(params) if "attention.window_size" in each]
    assert sum(row.num_trials for row in rows) == len(active)
    two = [accuracy[i] for i in active if params[i]["attention.window_size"] == 2]
    assert rows[0].accuracy == pytest.approx(np.mean(two))


def test_coverage_of_the_adjusted_difference():
    held = []
    for seed in range(60):
        rows = choice_marginals(*made(80, seed))
        row = next(row for row in rows if row.value == "global")
        low, high = row.at_latency.interval()
        held.append(low <= 0.01 <= high)
    assert np.mean(held) >= 0.88


def test_rare_values_are_left_out():
    params, accuracy, latency = made(40)
    params[0] = {**params[0], "width": 64}
    values = {row.value for row in choice_marginals(params, accuracy, latency)}
    assert 64 not in values
    assert choice_marginals(params[:3], accuracy[:3], latency[:3]) == ()


def test_a_choice_that_is_the_latency_has_no_equal_latency():
    params = [{"width": 16 + 16 * (i % 2)} for i in range(40)]
    rng = np.random.default_rng(0)
    latency = [1.0 + i % 2 for i in range(40)]
    rows = choice_marginals(params, 0.8 + 0.01 * rng.standard_normal(40), latency)
    assert all(row.at_latency.df == 0 and row.p == 1.0 for row in rows)
