import pytest

from archsearch.report.front_data import front_info
from tests.report.synthetic_run import synthetic_run

GROUPS = ("front", "dominated", "pruned", "infeasible")
#: groups that stand where the search saw their trials: first measurement, seed that chose
SEARCHED = ("searched", "dominated", "pruned", "infeasible")


def test_every_trial_is_drawn_once_in_its_group(any_run):
    info = front_info(any_run)
    drawn = [number for group in GROUPS for number in getattr(info, group).numbers]
    drawn += info.failed
    assert sorted(drawn) == [trial.number for trial in any_run.trials]
    states = {trial.number: trial.state for trial in any_run.trials}
    assert info.front.numbers == any_run.front
    assert {states[n] for n in info.dominated.numbers} <= {"complete"}
    assert {states[n] for n in info.pruned.numbers} <= {"pruned"}
    assert {states[n] for n in info.infeasible.numbers} <= {"infeasible"}


def test_marks_carry_the_numbers_of_their_trials(usual):
    info = front_info(usual)
    by_number = {trial.number: trial for trial in usual.trials}
    for group in SEARCHED:
        for number, x, y, low, high, *_ in zip(*getattr(info, group), strict=True):
            trial = by_number[number]
            assert x == trial.latency.median_ms
            assert low <= x <= high
            if group == "pruned":
                assert y == trial.curve[-1].accuracy
            elif group != "infeasible":
                assert y == trial.accuracy


def test_the_view_holds_the_front_and_the_budget(any_run):
    info = front_info(any_run)
    (left, right), (bottom, top) = info.latency_range, info.accuracy_range
    assert 0 <= left < right
    assert 0 <= bottom < top <= 1.005
    assert all(left <= x <= right for x in info.front.latency_ms)
    assert all(bottom <= y <= top for y in info.front.accuracy)
    assert info.budget_ms is None or left < info.budget_ms < right


def test_what_lies_outside_is_counted(usual):
    info = front_info(usual)
    far = sum(x > info.latency_range[1] for x in info.infeasible.latency_ms)
    weak = sum(
        y < info.accuracy_range[0] for y in (*info.pruned.accuracy, *info.dominated.accuracy)
    )
    assert info.outside == far + weak
    assert far
    assert weak


@pytest.mark.parametrize("factor", [10.0, 1000.0])
def test_one_slow_trial_does_not_squeeze_the_others(factor):
    run = synthetic_run(60)
    number = next(
        t.number for t in run.trials if t.state == "complete" and t.number not in run.front
    )
    slow = run.trials[number].latency.model_copy(update={"median_ms": 5.0 * factor})
    trials = [
        t.model_copy(update={"final_latency": slow}) if t.number == number else t
        for t in run.trials
    ]
    info = front_info(run.model_copy(update={"trials": tuple(trials)}))
    assert info.latency_range[1] < 7
    assert number in info.dominated.numbers
