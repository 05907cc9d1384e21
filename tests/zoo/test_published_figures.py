"""Published figures, and the comparison with what is measured here."""

import pytest
import timm

from archsearch import zoo
from archsearch.cost import LatencyProtocol, Probe
from archsearch.errors import InputError
from archsearch.zoo.published_comparison import compare
from archsearch.zoo.published_figures import SOURCES, PublishedModel, published
from tests.zoo.test_counts import OFFICIAL

FIGURES = ("params_m", "gmacs", "images_per_s", "latency_ms", "top1", "code_params_m", "code_gmacs")


def test_every_zoo_model_has_a_row():
    assert {model.zoo for model in published() if model.zoo} == set(zoo.names())


@pytest.mark.parametrize("model", published(), ids=lambda model: f"{model.paper}-{model.label}")
def test_rows_are_sound(model):
    figures = [getattr(model, name) for name in FIGURES if getattr(model, name) is not None]
    assert figures
    for figure in figures:
        assert figure.sources
        assert set(figure.sources) <= set(SOURCES)
    assert model.timm is None or model.timm in timm.list_models()
    if model.zoo is not None:
        params, giga_macs = OFFICIAL[model.zoo]
        assert model.code_params_m.value == pytest.approx(params / 1e6, abs=1e-9)
        assert model.code_gmacs.value == giga_macs
        if model.params_m is not None and model.zoo != "edgevit_s":  # papers print 11.1 and 13.1
            assert model.params_m.value == pytest.approx(params / 1e6, rel=0.04)


def test_cells_that_were_not_found_stay_empty():
    rows = {model.label: model for model in published() if model.paper == "EdgeViTs"}
    assert rows["EdgeViT-S"].latency_ms is None
    assert rows["EdgeViT-S"].images_per_s is None
    assert rows["EdgeViT-XXS"].latency_ms.value == 32.8


def test_counts_need_no_probe():
    rows = compare(["localvit_tiny", "swin_tiny"])
    assert [row.published.label for row in rows] == ["Swin-T", "LocalViT-T", "Swin-T"]
    assert rows[0].measured == rows[2].measured
    assert rows[1].measured.params == 5_908_696
    assert rows[1].measured.latency is None
    assert rows[1].measured.images_per_s is None


def test_baselines_come_from_timm_and_unknown_ones_stay_empty(monkeypatch):
    rows = [
        PublishedModel(label="B0", paper="P", timm="pvt_v2_b0", top1=[70.5, "S"]),
        PublishedModel(label="LVT", paper="P", top1=[74.8, "S"]),
    ]
    monkeypatch.setattr("archsearch.zoo.published_comparison.published", lambda: rows)
    counted, unknown = compare()
    assert counted.measured.params / 1e6 == pytest.approx(3.67, abs=0.01)
    assert unknown.measured is None


def test_measured_beside_published():
    quick = LatencyProtocol(min_blocks=6, block_ms=5.0, time_limit_s=0.3, warmup_limit_s=0.1)
    many = quick.model_copy(update={"batch_size": 2, "mode": "throughput"})
    with Probe() as probe:
        seen = []
        (row,) = compare(
            ["edgevit_xxs"],
            probe,
            latency=quick,
            throughput=many,
            progress=lambda model: seen.append(model.label),
        )
    assert seen == ["EdgeViT-XXS"]
    assert row.measured.latency.batch_size == 1
    assert row.measured.images_per_s == pytest.approx(2000 / row.measured.throughput.median_ms)


def test_unknown_models_are_reported():
    with pytest.raises(InputError, match="did you mean 'sepvit_lite'"):
        compare(["sepvit_litte"])
