import json

from archsearch.analysis import accuracy_interval
from archsearch.arch import Arch, summary
from archsearch.report import front_points
from tests.report.synthetic_run import synthetic_run


def test_every_point_carries_what_is_promised(usual):
    points = front_points(usual)
    by_number = {trial.number: trial for trial in usual.trials}
    assert [point["trial"] for point in points] == list(usual.front)
    for point in points:
        trial = by_number[point["trial"]]
        assert point["digest"] == trial.digest
        assert point["accuracy"] == trial.accuracy
        assert point["test_accuracy"] == trial.test_accuracy
        assert point["latency_ms"] == trial.final_latency.median_ms
        assert point["latency_interval_ms"] == list(trial.final_latency.interval_ms)
        assert (point["params"], point["macs"]) == (trial.params, trial.macs)
        assert point["accuracy_interval"] == list(accuracy_interval(trial.accuracy, 360))
        assert point["summary"] == summary(trial.arch)
        assert point["seed"] == trial.seed


def test_points_survive_json_and_rebuild_the_architecture(usual):
    points = json.loads(json.dumps(front_points(usual)))
    by_number = {trial.number: trial for trial in usual.trials}
    for point in points:
        assert Arch.model_validate(point["arch"]) == by_number[point["trial"]].arch


def test_latencies_increase_and_stay_within_the_budget(any_run):
    latencies = [point["latency_ms"] for point in front_points(any_run)]
    assert latencies == sorted(latencies)
    assert all(ms <= (any_run.budget_ms or float("inf")) for ms in latencies)


def test_unknown_number_of_images_gives_no_interval():
    points = front_points(synthetic_run(40, num_val=None))
    assert points
    assert all(point["accuracy_interval"] is None for point in points)
