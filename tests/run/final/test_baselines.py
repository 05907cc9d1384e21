"""Baselines trained for real, on a handful of images."""

import math
from dataclasses import replace

import pytest
import timm

from archsearch.cost import count_macs, count_params
from archsearch.data import load_data
from archsearch.errors import DivergedError, InputError
from archsearch.record import BaselineRecord
from archsearch.run.final.baselines import run_baselines
from archsearch.run.final.known_network import find_baselines
from archsearch.run.status import SilentListener
from archsearch.train import Recipe, Trainer
from tests.cluster.drivers import inline_driver
from tests.run.conftest import Recorder, result


@pytest.fixture(scope="module")
def data():
    return load_data("digits", image_size=32, limit=120)


@pytest.fixture
def run(data, tmp_path):
    def started(names, known=None, data=data, folder="run", other_seeds=(), **more):
        kept, measured = [], []

        def measure(targets):
            measured.append(list(targets))
            return [result(2.0) for _ in targets]

        with inline_driver(data, tmp_path / folder) as driver:
            run_baselines(
                find_baselines(names, data),
                known or {},
                data,
                Recipe(epochs=2, batch_size=32, warmup_epochs=0),
                seed=3,
                other_seeds=other_seeds,
                device="cpu",
                driver=driver,
                measure=measure,
                keep=lambda records: kept.append(dict(records)),
                **{"listener": SilentListener(), **more},
            )
        records = {k: BaselineRecord.model_validate(v) for k, v in kept[-1].items()} if kept else {}
        return records, measured, kept

    return started


def test_every_wrong_name_is_reported_at_once(data):
    with pytest.raises(InputError) as caught:
        find_baselines(["timm:mobilnetv2_050", "zoo:lightvitt", "resnet18"], data)
    rules = [str(problem) for problem in caught.value.problems]
    assert "did you mean 'mobilenetv2_050'" in rules[0]
    assert "lightvit_tiny" in rules[1]
    assert "must be timm:NAME or zoo:NAME" in rules[2]
    assert all(text.startswith("--baseline: ") for text in rules)


def test_they_fit_the_data_and_are_trained_alike(run, data):
    names = ["timm:test_efficientnet", "timm:test_vit", "zoo:edgevit_xxs"]
    records, measured, kept = run(names)
    assert list(records) == names
    # one call measures all of them by turns
    assert [len(each) for each in measured] == [3]
    for target in measured[0][:2]:
        assert target.default_cfg["input_size"] == (1, 32, 32)
    for name, record in records.items():
        (baseline,) = find_baselines([name], data)
        model = baseline.build()
        assert record.params == count_params(model)
        assert record.macs == count_macs(model, (1, 1, 32, 32)).total
        assert [metrics.epoch for metrics in record.curve] == [1, 2]
        assert record.accuracy == record.curve[-1].accuracy
        assert 0 <= record.test_accuracy <= 1
        assert record.latency.median_ms == 2.0
        assert record.seed == 3
        assert record.reason == ""
    # each is stored as soon as it is there
    assert [len(each) for each in kept] == [1, 2, 3]


def test_same_seed_same_result_and_what_is_known_is_not_trained_again(run):
    first, _, _ = run(["timm:test_efficientnet"])
    again, _, _ = run(["timm:test_efficientnet"], folder="elsewhere/run")
    timed = {"seconds", "images_per_s"}
    curves = [
        [metrics.model_dump(exclude=timed) for metrics in each["timm:test_efficientnet"].curve]
        for each in (first, again)
    ]
    assert curves[0] == curves[1]
    stored = {name: record.to_dict() for name, record in first.items()}
    _, measured, kept = run(["timm:test_efficientnet"], known=stored)
    assert measured == []
    assert kept == []


def test_without_test_images_there_is_no_test_accuracy(run, data):
    records, _, _ = run(["timm:test_efficientnet"], data=replace(data, test=None))
    (record,) = records.values()
    assert record.reason == ""
    assert record.accuracy is not None
    assert record.test_accuracy is None


def test_one_that_does_not_fit_says_why_and_the_others_go_on(run, monkeypatch):
    create = timm.create_model

    def picky(name, **options):
        if name == "test_vit":
            raise AssertionError("input does\nnot fit")
        return create(name, **options)

    monkeypatch.setattr(timm, "create_model", picky)
    records, measured, _ = run(["timm:test_vit", "timm:test_efficientnet"])
    failed = records["timm:test_vit"]
    assert failed.reason == "timm:test_vit cannot be built for 32 px: input does not fit"
    assert failed.accuracy is None
    assert records["timm:test_efficientnet"].accuracy is not None
    assert [len(each) for each in measured] == [1]


def test_a_family_stands_for_all_its_sizes(data):
    found = find_baselines(["zoo:edgevit", "zoo:sepvit/2", "zoo:edgevit/1"], data)
    assert [each.name for each in found] == [
        *(f"zoo:edgevit/{n}" for n in range(1, 7)),
        "zoo:sepvit/2",
    ]
    with pytest.raises(InputError, match="must be sepvit/1 to sepvit/6"):
        find_baselines(["zoo:sepvit/7"], data)


def test_they_are_trained_with_the_seeds_of_the_front(run):
    name = "zoo:edgevit/1"
    recorder = Recorder()
    records, measured, kept = run([name], other_seeds=(5, 4), listener=recorder)
    record = records[name]
    assert [each.seed for each in record.other_seeds] == [4, 5]
    assert record.seed_accuracies.keys() == {3, 4, 5}
    # each is what a training with that seed alone shows
    alone, _, _ = run([name], folder="alone/run")
    assert alone[name].accuracy == record.accuracy
    (line,) = (each for each in recorder.lines if each.startswith("training"))
    assert line == "training zoo:edgevit/1 for 2 epochs with 3 seeds"
    # more seeds later: nothing is measured again, and what was trained is reused
    stored = {name: record.to_dict()}
    more, measured, _ = run([name], known=stored, other_seeds=(4, 5, 6))
    assert measured == []
    assert more[name].latency == record.latency
    before = {each.seed: each.accuracy for each in record.other_seeds}
    after = {each.seed: each.accuracy for each in more[name].other_seeds}
    assert after.keys() == {4, 5, 6}
    assert before.items() <= after.items()
    _, measured, kept = run([name], known={name: more[name].to_dict()}, other_seeds=(4, 5))
    assert measured == kept == []


def test_a_seed_that_fails_is_said_and_the_others_count(run, monkeypatch):
    name = "zoo:edgevit/1"
    whole = Trainer.run

    def diverging(self, max_seconds=math.inf):
        if self.seed == 5:
            raise DivergedError("the training loss became NaN")
        return whole(self, max_seconds)

    monkeypatch.setattr(Trainer, "run", diverging)
    recorder = Recorder()
    records, _, _ = run([name], other_seeds=(4, 5), listener=recorder)
    assert records[name].seed_accuracies.keys() == {3, 4}
    assert any(line.startswith(f"{name} with seed 5 failed: ") for line in recorder.lines)


def test_sizes_over_the_budget_are_measured_and_not_trained(run):
    names = ["zoo:edgevit/1", "timm:test_efficientnet"]
    recorder = Recorder()
    # all are measured at 2 ms
    records, _, _ = run(names, budget_ms=1.5, listener=recorder)
    size, other = (records[name] for name in names)
    assert (size.accuracy, size.curve, size.latency.median_ms) == (None, (), 2.0)
    assert size.reason == "not trained: 2 ms is over the budget of 1.5 ms"
    assert f"baseline {names[0]}: {size.reason}" in recorder.lines
    assert other.accuracy is not None
    records, _, _ = run(names[:1], budget_ms=2.5, folder="enough/run")
    assert records[names[0]].accuracy is not None
