"""Promotion between rungs, against a slow twin."""

import itertools

import moocore
import numpy as np
import pytest

from archsearch.search.rungs import ModelRungs, Rungs, promotion_order


def dominates(a, b):
    return (a <= b).all() and (a < b).any()


def slow_ranks(points):
    """Peel fronts off, one after the other, by definition."""
    left, ranks, rank = set(range(len(points))), {}, 0
    while left:
        front = {i for i in left if not any(dominates(points[j], points[i]) for j in left)}
        ranks.update(dict.fromkeys(front, rank))
        left, rank = left - front, rank + 1
    return ranks


@pytest.mark.parametrize("width", [1, 2, 3])
def test_lower_ranks_come_first(width):
    points = np.random.default_rng(width).random((40, width))
    ranks = slow_ranks(points)
    order = promotion_order(points, np.ones(40, dtype=bool))
    assert sorted(order) == list(range(40))
    assert [ranks[i] for i in order] == sorted(ranks.values())


def test_inside_a_rank_the_greatest_contribution_comes_first():
    x = np.sort(np.random.default_rng(0).random(9))
    points = np.stack([x, 1 - x], axis=1)
    order = promotion_order(points, np.ones(9, dtype=bool))
    assert set(order[:2]) == {0, 8}, "the ends of the front first"
    scaled = (points - points.min(axis=0)) / np.ptp(points, axis=0)
    whole = moocore.hypervolume(scaled, ref=[1.1, 1.1])
    lost = [whole - moocore.hypervolume(np.delete(scaled, i, 0), ref=[1.1, 1.1]) for i in order]
    assert lost[2:] == sorted(lost[2:], reverse=True)


def test_infeasible_candidates_come_last():
    points = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.5]])
    assert promotion_order(points, np.array([False, True, True]))[-1] == 0


def test_units_play_no_part():
    points = np.random.default_rng(3).random((30, 2))
    good = np.ones(30, dtype=bool)
    assert promotion_order(points, good) == promotion_order(points * [1000.0, 1e-3], good)


def test_a_third_goes_on_and_later_ones_may_follow():
    rungs = Rungs((1, 3, 9))
    for candidate, value in enumerate([5.0, 4.0]):
        rungs.tell(candidate, 0, [value])
    assert rungs.next() is None, "a third of two is none"
    rungs.tell(2, 0, [6.0])
    assert rungs.next() == (1, 1)
    rungs.begin(1, 1)
    assert rungs.next() is None
    for candidate, value in ((3, 7.0), (4, 8.0), (5, 9.0)):
        rungs.tell(candidate, 0, [value])
    # two of six: the first one, paused long ago, is the second best
    assert rungs.next() == (0, 1)


def test_the_highest_rung_is_served_first():
    rungs = Rungs((1, 2, 4), share=0.5)
    for candidate in range(6):
        rungs.tell(candidate, 0, [float(candidate)])
    for candidate in (0, 1):
        rungs.tell(candidate, 1, [float(candidate)])
    assert rungs.next() == (0, 2)


def test_failures_are_never_promoted():
    rungs = Rungs((1, 3))
    for candidate in range(9):
        rungs.tell(candidate, 0, None)
    assert rungs.next() is None


def test_costs_add_up_to_the_last_fidelity():
    rungs = Rungs((1, 3, 9))
    assert [rungs.cost(rung) for rung in range(3)] == [1, 2, 6]


def test_everything_promoted_was_among_the_best_of_its_rung():
    rng = np.random.default_rng(1)
    rungs, results = Rungs((1, 4), share=0.25), []
    for candidate in range(60):
        results.append(rng.random(2))
        rungs.tell(candidate, 0, results[-1])
        for _ in itertools.count():
            if (found := rungs.next()) is None:
                break
            best = promotion_order(np.array(results), np.ones(len(results), dtype=bool))
            assert best.index(found[0]) < len(results) // 4
            rungs.begin(*found)


class Chooser:
    """Chooses the latest paused candidate, or none; keeps what it was asked."""

    def __init__(self, chooses=True):
        self.chooses = chooses
        self.asked = []

    def __call__(self, paused, whole, is_last):
        self.asked.append((tuple(paused), tuple(whole), is_last))
        return max(paused) if self.chooses else None


def paused_after(rungs, candidates):
    for candidate in candidates:
        rungs.begin(candidate, 0)
        rungs.tell(candidate, 0, [float(candidate)])


def test_the_first_four_go_on_unasked():
    chooser = Chooser()
    rungs = ModelRungs((2, 10), chooser)
    for candidate in range(4):
        paused_after(rungs, [candidate])
        assert rungs.next() == (candidate, 1)
        rungs.begin(*rungs.next())
    assert not chooser.asked


def test_new_candidates_and_paused_ones_share_the_effort():
    rungs = ModelRungs((2, 10), Chooser())
    new = promoted = 0
    for candidate in range(200):
        paused_after(rungs, [candidate])
        new += 2
        while (found := rungs.next()) is not None:
            rungs.begin(*found)
            promoted += 8
    assert abs(promoted - new) <= 16


def test_the_model_is_asked_once_about_what_it_knows():
    chooser = Chooser(chooses=False)
    rungs = ModelRungs((2, 10), chooser)
    paused_after(rungs, range(60))
    for _ in range(4):
        rungs.begin(*rungs.next())
    for is_last in (False, True):
        chooser.asked.clear()
        assert [rungs.next(is_last=is_last) for _ in range(3)] == [None] * 3
        assert chooser.asked == [(tuple(range(4, 60)), (0, 1, 2, 3), is_last)]
    paused_after(rungs, [60])
    chooser.chooses = True
    assert rungs.next(is_last=True) == (60, 1), "a new result is another question"


def test_what_failed_is_not_chosen():
    chooser = Chooser()
    rungs = ModelRungs((2, 10), chooser)
    paused_after(rungs, range(40))
    rungs.tell(40, 0, None)
    for _ in range(4):
        rungs.begin(*rungs.next())
    assert rungs.next() == (39, 1)
    assert all(40 not in paused for paused, _, _ in chooser.asked)
