"""The accuracy that is reported: its value, its interval, and what may be compared by it."""

import numpy as np
import pytest
from scipy.stats import t as student

from archsearch.analysis import (
    accuracy_interval,
    deciding_accuracies,
    interval_of_difference,
    judge_front,
    reported_accuracies,
)
from archsearch.record import SeedResult
from tests.report.synthetic_run import synthetic_run

TRIAL = next(trial for trial in synthetic_run(20).trials if trial.state == "complete")


def trial(number, accuracy, *others):
    seeds = tuple(SeedResult(seed=1 + at, accuracy=value) for at, value in enumerate(others))
    update = {"number": number, "accuracy": accuracy, "other_seeds": seeds}
    return TRIAL.model_copy(update=update)


def test_without_other_seeds_it_is_the_seed_that_chose():
    found = reported_accuracies([trial(4, 0.9)], 100)[4]
    assert found == (0.9, accuracy_interval(0.9, 100), 0)
    assert reported_accuracies([trial(4, 0.9)], None)[4].interval is None
    assert reported_accuracies([trial(4, None)], 100) == {}


def test_the_noise_between_seeds_is_pooled_and_joined_with_that_of_images():
    rows = {1: (0.80, 0.82, 0.84), 2: (0.90, 0.93, 0.93)}
    found = reported_accuracies([trial(n, 0.95, *own) for n, own in rows.items()], 400)
    squares = sum((np.array(own) - np.mean(own)) @ (np.array(own) - np.mean(own))
                  for own in rows.values())  # fmt: skip
    half = student.ppf(0.975, 4) * np.sqrt(squares / 4 / 3)
    for number, own in rows.items():
        value = np.mean(own)
        low, high = accuracy_interval(float(value), 400)
        assert found[number].value == pytest.approx(value)
        assert found[number].interval == pytest.approx(
            (value - np.hypot(value - low, half), value + np.hypot(high - value, half))
        )
        assert found[number].num_seeds == 3


def test_one_seed_each_knows_images_only():
    found = reported_accuracies([trial(1, 0.95, 0.9), trial(2, 0.97, 0.92)], 400)
    assert found[1] == (0.9, accuracy_interval(0.9, 400), 1)


def test_a_spread_of_its_own_where_spreads_differ():
    rows = [trial(1, 0.5, 0.5, 0.5, 0.5, 0.5), trial(2, 0.5, 0.1, 0.9, 0.2, 0.8),
            trial(3, 0.5, 0.5, 0.501, 0.5, 0.5)]  # fmt: skip
    found = reported_accuracies(rows, 1000)
    widths = [found[number].interval[1] - found[number].interval[0] for number in (1, 2, 3)]
    assert widths[1] > 5 * widths[0]
    assert widths[0] == pytest.approx(widths[2], rel=0.05)


@pytest.mark.parametrize("num_seeds", [2, 3, 5])
def test_the_interval_covers_training_again_on_other_images(num_seeds):
    rng = np.random.default_rng(num_seeds)
    held, draws, n, skill, sd = 0, 300, 400, 0.85, 0.02
    for _ in range(draws):
        front = []
        for number in range(4):
            seeds = np.clip(rng.normal(skill, sd, num_seeds), 0, 1)
            front.append(trial(number, 0.9, *(rng.binomial(n, seeds) / n)))
        for found in reported_accuracies(front, n).values():
            held += found.interval[0] <= skill <= found.interval[1]
    # images that all seeds share move them together, here each seed has its own: never too narrow
    assert held / (4 * draws) >= 0.94


def test_trials_are_ranked_by_one_kind_of_number():
    mixed = [trial(1, 0.99), trial(2, 0.9, 0.8, 0.82)]
    assert deciding_accuracies(mixed) == {1: 0.99, 2: 0.9}
    failed = trial(1, 0.99).model_copy(update={"other_seeds": (SeedResult(seed=1, reason="NaN"),)})
    assert deciding_accuracies([failed, mixed[1]]) == {2: pytest.approx(0.81)}
    assert deciding_accuracies([failed]) == {1: 0.99}
    # one that another beats by plain values is not trained again, and is not waited for
    assert deciding_accuracies([trial(1, 0.9), trial(2, 0.99, 0.8, 0.82)]) == {
        2: pytest.approx(0.81)
    }


def test_ties_go_by_what_is_reported():
    # the search seed cannot tell them apart, the others can; and the other way round
    apart = [trial(1, 0.9, 0.900, 0.902, 0.901), trial(2, 0.9, 0.70, 0.701, 0.702)]
    assert judge_front(apart, 2000).ties == ()
    alike = [trial(1, 0.99, 0.80, 0.82), trial(2, 0.80, 0.81, 0.80)]
    assert judge_front(alike, 2000).ties == (2,)
    first, second = reported_accuracies(alike, 2000).values()
    low, high = interval_of_difference(first, second)
    assert low < first.value - second.value < high
