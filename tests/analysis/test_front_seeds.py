import numpy as np
import pytest

from archsearch.analysis import compare, compare_seeds, difference_interval, judge_front
from archsearch.record import SeedResult
from tests.analysis.made_records import trial


def front_of(*rows: list[float], chosen: float = 0.9):
    """Return a front by increasing latency, each with accuracies over seeds 1, 2, ..."""
    return [
        trial(i, accuracy=chosen, latency_ms=1.0 + i).model_copy(
            update={"other_seeds": tuple(SeedResult(seed=s + 1, accuracy=a) for s, a in pairs)}
        )
        for i, row in enumerate(rows)
        for pairs in [list(enumerate(row))]
    ]


def test_nothing_without_other_seeds():
    assert compare_seeds(front_of([], []), 360) is None
    assert compare_seeds([], 360) is None


def test_two_trials_are_a_paired_t_interval():
    rng = np.random.default_rng(0)
    first, second = rng.normal(0.90, 0.01, 5), rng.normal(0.92, 0.01, 5)
    front = front_of(list(first), list(second))
    (only,) = compare_seeds(front, None).neighbours
    # one pair: the pooled model is the paired t-test
    gaps = second - first
    half = 2.7764451 * gaps.std(ddof=1) / np.sqrt(5)
    assert only.difference == pytest.approx(gaps.mean())
    assert only.interval == pytest.approx((gaps.mean() - half, gaps.mean() + half))
    as_ablation = compare(
        {"0": dict(enumerate(first)), "1": dict(enumerate(second))}, "0", num_images=100_000
    )
    assert only.interval == pytest.approx(as_ablation.variants[0].interval)
    # known images add their noise, which no seed makes smaller
    low, high = difference_interval(second.mean(), first.mean(), 500)
    (counted,) = compare_seeds(front, 500).neighbours
    assert counted.interval == pytest.approx(
        (
            gaps.mean() - np.hypot(half, gaps.mean() - low),
            gaps.mean() + np.hypot(half, high - gaps.mean()),
        )
    )


def test_the_three_verdicts():
    look = compare_seeds(
        front_of([0.80, 0.81, 0.80], [0.90, 0.91, 0.90], [0.90, 0.90, 0.91], [0.7, 0.71, 0.71]), 360
    )
    assert [(each.trial, each.other, each.verdict) for each in look.neighbours] == [
        (1, 0, "better"),
        (2, 1, "not distinguishable"),
        (3, 2, "worse"),
    ]
    assert [each.num_seeds for each in look.means] == [3, 3, 3, 3]
    assert look.means[0].sd == pytest.approx(np.std([0.80, 0.81, 0.80], ddof=1))


def test_optimism_is_what_the_chosen_seed_was_above_the_others():
    look = compare_seeds(front_of([0.88, 0.86], [0.91, 0.89], chosen=0.9), 360)
    assert look.optimism == pytest.approx(0.9 - 0.885)


def test_one_seed_each_is_judged_by_its_images():
    look = compare_seeds(front_of([0.80], [0.95]), 1000)
    assert look.neighbours[0].verdict == "better"
    assert "1,000 images" in look.method
    assert compare_seeds(front_of([0.80], [0.81]), 1000).neighbours[0].verdict[0] == "n"
    assert compare_seeds(front_of([0.80], [0.95]), None).neighbours == ()


def test_a_tie_is_judged_as_the_neighbours_are():
    front = front_of([0.80, 0.81, 0.80], [0.90, 0.91, 0.90], [0.90, 0.90, 0.91])
    found = judge_front(front, 360)
    assert (found.best, found.ties) == (1, (2,))
    assert [(each.trial, each.verdict) for each in found.to_best] == [
        (0, "worse"),
        (2, "not distinguishable"),
    ]
    # the pair of the best and its next slower is one comparison
    assert found.to_best[1] == found.neighbours[1]
    assert found.to_best[0] == found.neighbours[0].reverse()


def test_what_is_worse_than_a_third_is_no_tie():
    """The best's own noise is large: it alone could not be told from the last."""
    rows = [0.90, 0.90, 0.90, 0.90], [0.95, 0.90, 0.91, 0.86], [0.85, 0.85, 0.85, 0.85]
    found = judge_front(front_of(*rows), 100_000)
    assert found.best == 1
    assert {each.trial: each.verdict[0] for each in found.to_best} == {0: "n", 2: "n"}
    assert found.ties == (0, 2)
    # beside it, a neighbour is worse than one that the best is at least as accurate as
    found = judge_front(front_of(rows[1], rows[0], rows[2]), 100_000)
    assert found.neighbours[1].verdict == "worse"
    assert {each.trial: each.verdict[0] for each in found.to_best} == {1: "n", 2: "n"}
    assert found.ties == (1,)


def test_a_trial_whose_trainings_failed_is_passed_over():
    front = front_of([0.80, 0.81], [0.5, 0.5], [0.90, 0.91])
    failed = (SeedResult(seed=1, reason="diverged"), SeedResult(seed=2, reason="diverged"))
    front[1] = front[1].model_copy(update={"other_seeds": failed})
    look = compare_seeds(front, 360)
    assert [(each.trial, each.other) for each in look.neighbours] == [(2, 0)]
    front[1] = front[1].model_copy(
        update={"other_seeds": (failed[0], SeedResult(seed=2, accuracy=0.85))}
    )
    assert [each.num_pairs for each in compare_seeds(front, 360).neighbours] == [1, 1]


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Equal networks, noise between seeds: any false verdict in at most about 5 % of fronts."""
    rng = np.random.default_rng(1)
    wrong, fronts = 0, 600
    for _ in range(fronts):
        rows = 0.9 + 0.01 * rng.standard_normal((5, 3)) + 0.01 * rng.standard_normal((1, 3))
        look = compare_seeds(front_of(*map(list, rows)), 100_000)
        wrong += any(each.verdict != "not distinguishable" for each in look.neighbours)
    # binomial standard error 0.9 %; the choice between the two methods costs a little
    assert wrong / fronts < 0.075
