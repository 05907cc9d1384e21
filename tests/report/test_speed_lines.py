"""Neighbours of a front that cannot be told apart in latency, wherever a front is shown."""

import json
from itertools import pairwise

import pytest

from archsearch.analysis import front_trials, latency_neighbours
from archsearch.record import FIRST_TARGET, LatencyRatio, RunRecord, TrialRecord
from archsearch.report import front_points
from archsearch.report.front_certainty import speed_lines
from archsearch.report.run_tables import front_table
from archsearch.report.trial_remarks import SPEED_TIE, remarks
from tests.report.synthetic_run import synthetic_run
from tests.report.test_run_tables import printed


def measured_together(run: RunRecord) -> RunRecord:
    """Return the run with paired ratios of its front: those of odd places are not clear."""
    front = front_trials(run)
    ratios: dict[int, dict[int, LatencyRatio]] = {trial.number: {} for trial in front}
    for place, (faster, trial) in enumerate(pairwise(front), 1):
        assert trial.latency_ms is not None
        assert faster.latency_ms is not None
        value = trial.latency_ms / faster.latency_ms
        low = 0.99 if place % 2 else (1 + value) / 2
        ratio = LatencyRatio(value=value, interval=(low, 2 * value))
        ratios[trial.number][faster.number] = ratio
        ratios[faster.number][trial.number] = ratio.inverse()

    def changed(trial: TrialRecord) -> TrialRecord:
        own = ratios.get(trial.number)
        return trial.model_copy(update={"final_ratios": {FIRST_TARGET: own}}) if own else trial

    return run.model_copy(update={"trials": tuple(map(changed, run.trials))})


@pytest.fixture(scope="module")
def together() -> RunRecord:
    run = synthetic_run(60)
    assert len(front_trials(run)) >= 4
    return measured_together(run)


def test_the_front_says_which_neighbours_are_alike(together: RunRecord) -> None:
    front = front_trials(together)
    words = remarks(together)
    alike = [SPEED_TIE in words[trial.number] for trial in front]
    assert alike == [place % 2 == 1 for place in range(len(front))]
    lines = speed_lines(together)
    assert len(lines) == len(front)
    assert f"trial {front[1].number}: not distinguishable from trial {front[0].number}" in lines[1]
    assert f"trial {front[2].number}: slower than trial {front[1].number}" in lines[2]
    text = " ".join(printed(together, 100).split())
    assert all(" ".join(line.split()) in text for line in lines)
    assert "speed tie: latency not distinguishable from that of the next faster trial" in text


def test_front_json_has_the_ratios(together: RunRecord) -> None:
    points = json.loads(json.dumps(front_points(together)))
    assert points[0]["latency_ratio"] is None
    for point, before in zip(points[1:], points, strict=False):
        assert point["latency_faster_trial"] == before["trial"]
        assert point["latency_ratio"] == pytest.approx(point["latency_ms"] / before["latency_ms"])
        low, high = point["latency_ratio_interval"]
        assert low < point["latency_ratio"] < high
        verdict = "not distinguishable" if low <= 1 else "slower"
        assert point["latency_ratio_verdict"] == verdict


def test_without_ratios_nothing_is_said() -> None:
    run = synthetic_run(60)
    assert speed_lines(run) == []
    assert all(SPEED_TIE not in words for words in remarks(run).values())
    assert not any("measured by turns" in note for note in front_table(run).notes)


def test_a_ratio_belongs_to_the_latency_that_it_was_measured_with(together: RunRecord) -> None:
    """A member that is shown with its first look, for its final one was rejected, has none."""
    front = front_trials(together)
    final = front[1].final_latency
    assert final is not None
    guess = final.model_copy(update={"verdict": "rejected"})
    changed = [
        trial.model_copy(update={"final_latency": guess}) if trial is front[1] else trial
        for trial in front
    ]
    said = {each.trial for each in latency_neighbours(changed)}
    assert said == {trial.number for trial in front[3:]}
