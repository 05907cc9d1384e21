"""Baselines trained for real, on a handful of images."""

from dataclasses import replace

import pytest
import timm

from archsearch.cost import count_macs, count_params
from archsearch.data import load_data
from archsearch.errors import InputError
from archsearch.record import BaselineRecord
from archsearch.run.final.baselines import find_baselines, run_baselines
from archsearch.run.status import SilentListener
from archsearch.train import Recipe
from tests.cluster.drivers import inline_driver
from tests.run.conftest import result


@pytest.fixture(scope="module")
def data():
    return load_data("digits", image_size=32, limit=120)


@pytest.fixture
def run(data, tmp_path):
    def started(names, known=None, data=data, folder="run"):
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
                device="cpu",
                driver=driver,
                measure=measure,
                keep=lambda records: kept.append(dict(records)),
                listener=SilentListener(),
            )
        records = {k: BaselineRecord.model_validate(v) for k, v in kept[-1].items()} if kept else {}
        return records, measured, kept

    return started


def test_every_wrong_name_is_reported_at_once(data):
    with pytest.raises(InputError) as caught:
        find_baselines(["timm:mobilnetv2_050", "zoo:lightvit", "resnet18"], data)
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
