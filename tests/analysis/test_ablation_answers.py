import numpy as np
import pytest

from archsearch.analysis import answers, compare, seeds_wanted
from archsearch.analysis.ablation_answers import LOOKS, latency_change_interval
from archsearch.errors import InputError
from tests.analysis.made_records import latency
from tests.report.synthetic_ablation import synthetic_ablation, synthetic_factorial


def test_answers_are_those_of_the_numbers():
    record = synthetic_ablation()
    found = answers(record)
    order = (record.base_variant, *record.others)
    assert found.comparison == compare(
        {each.name: each.accuracies for each in order}, record.base, num_images=record.num_images
    )
    assert found.effects is None
    variant = record.others[0]
    cost = found.costs[variant.name]
    assert cost.params == variant.params - record.base_variant.params
    assert cost.interval_ms[0] < cost.latency_ms < cost.interval_ms[1]


def test_a_factorial_has_effects():
    found = answers(synthetic_factorial(drop=2))
    assert found.effects.num_cells == 10
    assert found.effects.num_possible == 12
    assert len(found.effects.steps) == 4


def test_too_few_combinations_are_a_note():
    found = answers(synthetic_factorial(drop=8))
    assert found.effects is None
    assert any("main effects of 3 factors need at least 5" in note for note in found.notes)


def test_nothing_in_common_is_a_note():
    record = synthetic_ablation()
    bare = [each.model_copy(update={"accuracies": {}}) for each in record.others]
    record = record.model_copy(update={"variants": (record.base_variant, *bare)})
    found = answers(record)
    assert found.comparison is None
    assert found.notes == (
        "No comparison: all parts: no variant has a seed in common with the base",
    )
    assert answers(record, from_seeds=True).comparison is None
    assert seeds_wanted(record) == {}


def test_one_seed_is_refused_where_intervals_of_seeds_are_asked_for():
    with pytest.raises(InputError, match="intervals need at least 2 seeds"):
        answers(synthetic_ablation(seeds=1), from_seeds=True)


def test_seeds_are_wanted_within_the_plan_of_looks():
    """Adding what is wanted ends after three looks, whatever the noise does."""
    rng = np.random.default_rng(0)
    for _ in range(6):
        record = synthetic_ablation(seed=int(rng.integers(1000)))
        counts = {each.name: 3 for each in record.others}
        for look in range(1, LOOKS + 1):
            wanted = seeds_wanted(record)
            if look == LOOKS:
                assert wanted == {}
            for name, more in wanted.items():
                counts[name] += more
                assert more > 0
                assert counts[name] <= 3 * 2**look
            record = _with_seeds(record, counts, rng)
            assert answers(record).comparison.method.count("3 looks") == int(
                max(counts.values()) > 3
            )
            if not wanted:
                break


def _with_seeds(record, counts, rng):
    most = max(counts.values())
    wanted = {record.base: most, **counts}
    variants = []
    for each in record.variants:
        known = dict(each.accuracies)
        mean = float(np.mean(list(known.values())))
        for seed in range(len(known), wanted[each.name]):
            known[seed] = mean + 0.003 * float(rng.standard_normal())
        variants.append(each.model_copy(update={"accuracies": known}))
    return record.model_copy(update={"variants": tuple(variants)})


def test_until_clear_counts_its_looks_from_the_first():
    record = synthetic_ablation().model_copy(update={"until_clear": True})
    wide, narrow = answers(record).comparison, answers(synthetic_ablation()).comparison
    assert "3 looks" in wide.method
    assert wide.variants[0].interval[0] < narrow.variants[0].interval[0]


def test_latency_change_joins_the_two_intervals_by_squares():
    base = latency(10.0).model_copy(update={"interval_ms": (9.7, 10.3)})
    other = latency(12.0).model_copy(update={"interval_ms": (11.6, 12.4)})
    assert latency_change_interval(base, other) == pytest.approx((1.5, 2.5))
