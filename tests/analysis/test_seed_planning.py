"""Planned seeds find what they are planned for: counted in simulated ablations."""

import numpy as np
import pytest

from archsearch.analysis import compare
from archsearch.analysis.seed_planning import MOST_SEEDS, seed_plan, seeds_needed
from archsearch.errors import InputError
from archsearch.report.seed_plan_columns import seed_plan_table
from tests.report.synthetic_ablation import synthetic_ablation

IMAGES = 10**6


def found(seeds: int, difference: float, noise: float, networks: int, repeats: int) -> float:
    """Return how often a true difference of one variant is found."""
    rng = np.random.default_rng(5)
    names = [f"v{number}" for number in range(networks)]
    hits = 0
    for _ in range(repeats):
        luck = 0.01 * rng.standard_normal(seeds)
        values = 0.5 + luck + noise * rng.standard_normal((networks, seeds))
        values[1] += difference
        table = {
            name: dict(enumerate(own.tolist())) for name, own in zip(names, values, strict=True)
        }
        rows = compare(table, "v0", num_images=IMAGES, looks=1).variants
        # a table whose spreads happen to look unequal is analysed more carefully
        hits += rows[0].interval[0] > 0
    return hits / repeats


@pytest.mark.parametrize(
    ("difference", "noise", "networks"),
    [(0.02, 0.01, 4), pytest.param(0.03, 0.01, 8, marks=pytest.mark.slow)],
)
def test_the_planned_seeds_find_it_and_fewer_do_not(difference, noise, networks):
    seeds = seeds_needed(difference, noise, networks)
    assert found(seeds, difference, noise, networks, 200) >= 0.71
    if seeds > 2:
        assert found(seeds - 1, difference, noise, networks, 200) <= 0.87


def test_more_noise_and_more_variants_need_more():
    assert seeds_needed(0.01, 0.005, 4) < seeds_needed(0.01, 0.01, 4)
    assert seeds_needed(0.01, 0.01, 3) <= seeds_needed(0.01, 0.01, 12)
    assert seeds_needed(0.02, 0.0, 3) == 2
    assert seeds_needed(0.0001, 0.05, 3) is None
    assert seeds_needed(0.01, 0.01, 2) < MOST_SEEDS


def test_the_plan_of_a_record():
    record = synthetic_ablation()
    plan = seed_plan(record)
    assert plan.networks == len(record.variants)
    assert [row.difference for row in plan.rows] == [0.005, 0.01, 0.02, 0.05]
    counted = [row.seeds or MOST_SEEDS + 1 for row in plan.rows]
    assert counted == sorted(counted, reverse=True)
    for row in plan.rows:
        assert (row.safe_seeds or MOST_SEEDS + 1) >= (row.seeds or MOST_SEEDS + 1)
    text = "\n".join(map(str, seed_plan_table(record.name, plan).values))
    assert "safe_seeds" in text
    assert seed_plan(record, 40).rows[-1].seeds >= plan.rows[-1].seeds


def test_without_a_pilot_there_is_no_plan():
    record = synthetic_ablation()
    single = [
        each.model_copy(update={"accuracies": dict([*each.accuracies.items()][:1])})
        for each in record.variants
    ]
    with pytest.raises(InputError, match="--plan: needs a pilot"):
        seed_plan(record.model_copy(update={"variants": tuple(single)}))
