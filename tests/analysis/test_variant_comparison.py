import numpy as np
import pytest
from scipy.stats import t as student
from scipy.stats import ttest_rel

from archsearch.analysis import compare
from archsearch.analysis.max_t import MaxT, power
from archsearch.analysis.significance import difference_interval
from archsearch.errors import InputError
from tests.analysis.macro_table import accuracies as macro


def table(rows: np.ndarray) -> dict[str, dict[int, float]]:
    return {f"v{i}": dict(enumerate(map(float, row))) for i, row in enumerate(rows)}


def test_one_variant_is_the_paired_t_test():
    rng = np.random.default_rng(0)
    rows = 0.9 + 0.01 * rng.standard_normal((2, 6))
    found = compare(table(rows), "v0")
    expected = ttest_rel(rows[1], rows[0])
    (row,) = found.variants
    assert row.p == pytest.approx(expected.pvalue)
    assert row.interval == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert row.difference == pytest.approx((rows[1] - rows[0]).mean())
    assert found.df == 5


def test_pooled_noise_is_the_residual_of_variant_plus_seed():
    rng = np.random.default_rng(7)
    rows = 0.9 + 0.002 * rng.standard_normal((5, 4)) + 0.05 * rng.standard_normal(4)
    found = compare(table(rows), "v0")
    rest = rows - rows.mean(1, keepdims=True) - rows.mean(0) + rows.mean()
    assert found.df == 12
    assert found.noise == pytest.approx(np.sqrt((rest**2).sum() / 12))
    half = MaxT(0.5 * (np.eye(4) + 1)).critical(12) * found.noise * np.sqrt(2 / 4)
    for row in found.variants:
        assert (row.interval[1] - row.interval[0]) / 2 == pytest.approx(half)


def test_a_common_shift_of_a_seed_changes_nothing():
    rng = np.random.default_rng(2)
    rows = 0.8 + 0.01 * rng.standard_normal((4, 3))
    shifted = rows + np.array([0.0, 0.1, -0.2])
    for a, b in zip(
        compare(table(rows), "v0").variants, compare(table(shifted), "v0").variants, strict=True
    ):
        assert a.interval == pytest.approx(b.interval)
        assert a.verdict == b.verdict


def test_planted_truth():
    """Differences of 0, 0.3 and 1.0 points, noise 0.2, three seeds: found as often as stated."""
    rng = np.random.default_rng(0)
    gaps, noise, seeds, repeats = np.array([0.0, 0.003, 0.01]), 0.002, 3, 200
    counts = dict.fromkeys(("found", "held", "family"), 0.0)
    found = np.zeros(3)
    for _ in range(repeats):
        rows = 0.9 + np.append(0.0, gaps)[:, None] + noise * rng.standard_normal((4, seeds))
        variants = compare(table(rows), "v0").variants
        found += [row.verdict in ("better", "worse") for row in variants]
        counts["family"] += variants[0].verdict in ("better", "worse")
        counts["held"] += all(
            row.interval[0] <= gap <= row.interval[1]
            for row, gap in zip(variants, gaps, strict=True)
        )
    critical = MaxT(0.5 * (np.eye(3) + 1)).critical(6)
    error = noise * np.sqrt(2 / seeds)
    stated = np.array([power(gap, error, 6, critical) for gap in gaps])
    # three standard errors of a share of 200, plus the test for unequal spreads
    margin = 3 * np.sqrt(stated * (1 - stated) / repeats) + 0.04
    assert np.all(np.abs(found / repeats - stated) <= margin)
    assert counts["family"] / repeats <= 0.05 + 0.03
    assert counts["held"] / repeats >= 0.95 - 0.045


def test_one_seed_each_near_the_top_is_a_tie():
    values = macro()
    top = np.argsort(-values.mean(1))[:200]
    rng = np.random.default_rng(0)
    ties = 0
    for _ in range(100):
        a, b = rng.choice(top, 2, replace=False)
        rows = {"a": {0: values[a, rng.integers(3)]}, "b": {0: values[b, rng.integers(3)]}}
        (row,) = compare(rows, "a", num_images=10_000).variants
        ties += row.verdict == "not distinguishable"
    assert ties >= 90


def test_one_seed_each_is_newcombes_interval_with_bonferroni():
    rows = {"base": {0: 0.90}, "a": {0: 0.92}, "b": {0: 0.70}}
    found = compare(rows, "base", num_images=500)
    assert found.variants[0].interval == difference_interval(0.92, 0.90, 500, confidence=0.975)
    assert [row.verdict for row in found.variants] == ["not distinguishable", "worse"]
    assert "One seed each" in found.method
    with pytest.raises(InputError, match="at least 2 seeds of the base and a variant"):
        compare(rows, "base", num_images=500, from_seeds=True)
    with pytest.raises(InputError, match="at least 2 seeds"):
        compare(rows, "base")


def test_one_seed_beside_several_takes_their_noise():
    rng = np.random.default_rng(4)
    rows = table(0.9 + 0.01 * rng.standard_normal((4, 5)))
    rows["late"] = {0: 0.95}
    found = compare(rows, "v0")
    late, other = found.variants[-1], found.variants[0]
    assert late.sd is None
    wide, narrow = (each.interval[1] - each.interval[0] for each in (late, other))
    assert wide == pytest.approx(narrow * np.sqrt(5), rel=0.02)


def test_unequal_spreads_are_not_pooled():
    rng = np.random.default_rng(5)
    rows = 0.9 + 0.001 * rng.standard_normal((5, 8))
    rows[4] += 0.03 * rng.standard_normal(8)
    found = compare(table(rows), "v0")
    assert found.noise is None
    assert "Cochran" in found.method
    row = found.variants[0]
    gaps = rows[1] - rows[0]
    half = student.ppf(1 - 0.05 / 8, 7) * gaps.std(ddof=1) / np.sqrt(8)
    assert row.interval == pytest.approx((gaps.mean() - half, gaps.mean() + half))


def test_more_seeds_are_asked_for_where_they_would_settle_it():
    noise = np.array([-1.0, 0.0, 1.0]) * 0.002
    rows = np.vstack([0.9 + noise, 0.9045 + noise[[1, 2, 0]], 0.9001 + noise[[2, 0, 1]]])
    found = compare(table(rows), "v0")
    middle, tie = found.variants
    assert middle.verdict == "more seeds"
    assert 1 <= middle.more_seeds <= 10
    assert middle.verdict_text == f"needs about {middle.more_seeds} more seeds"
    assert tie.verdict == tie.verdict_text == "not distinguishable"
    assert tie.more_seeds is None


def test_more_looks_widen_the_intervals():
    rng = np.random.default_rng(6)
    rows = table(0.9 + 0.01 * rng.standard_normal((3, 4)))
    once, thrice = compare(rows, "v0"), compare(rows, "v0", looks=3)
    assert all(
        a.interval[0] > b.interval[0] for a, b in zip(once.variants, thrice.variants, strict=True)
    )
    assert "3 looks" in thrice.method


def test_equal_results_do_not_claim_certainty():
    rows = {"base": {0: 0.9, 1: 0.9}, "a": {0: 0.9, 1: 0.9}, "b": {0: 0.902, 1: 0.902}}
    found = compare(rows, "base", num_images=500)
    assert found.noise == pytest.approx(1 / 500 / np.sqrt(12))
    assert found.variants[0].interval[0] < 0 < found.variants[0].interval[1]
    assert found.variants[1].verdict != "better"


def test_what_cannot_be_compared():
    with pytest.raises(InputError, match="did you mean 'base'"):
        compare({"base": {0: 0.5}, "a": {0: 0.5}}, "bose")
    with pytest.raises(InputError, match="no variant has a seed in common"):
        compare({"base": {0: 0.5}, "a": {1: 0.5}}, "base")
    found = compare({"base": {0: 0.5, 1: 0.6}, "a": {0: 0.6, 1: 0.5}, "b": {7: 0.5}}, "base")
    assert found.left_out == ("b",)
