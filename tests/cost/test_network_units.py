"""The parts of networks, and what a profile says about them."""

import pytest
import timm
import torch
from torch import nn

from archsearch.arch import (
    Arch,
    Block,
    ConvStem,
    LocalAggregation,
    Mlp,
    ResidualMerge,
    SelfAttention,
    SparseGlobalAttention,
    Stage,
)
from archsearch.cost import LatencyProtocol, breakdown, count_arch, count_macs, profile_target
from archsearch.cost.breakdown import Breakdown, MachineRates, measure_rates, measure_units
from archsearch.cost.network_units import find_units, hooked, unit_bytes
from archsearch.errors import InputError
from archsearch.model import build_model
from archsearch.record import LatencyResult

BRIEF = LatencyProtocol(min_blocks=6, time_limit_s=0.1, warmup_limit_s=0.1, block_ms=2.0)

ARCH = Arch(
    image_size=16,
    num_classes=10,
    stem=ConvStem(stride=2),
    stages=(
        Stage(
            depth=2,
            width=16,
            num_heads=2,
            blocks=(
                Block(
                    attention=SparseGlobalAttention(sample_rate=2),
                    ffn=Mlp(expansion=2.0),
                    local_aggregation=LocalAggregation(expansion=2.0),
                ),
            ),
        ),
        Stage(
            depth=1,
            width=32,
            num_heads=2,
            downsample=ResidualMerge(),
            blocks=(Block(attention=SelfAttention(), ffn=Mlp(expansion=2.0)),),
        ),
    ),
)


def test_units_of_our_network():
    units = find_units(build_model(ARCH))
    assert [unit.name for unit in units if not unit.parent] == [
        "stem",
        "stages.0.blocks.0",
        "stages.0.blocks.1",
        "stages.1.downsample",
        "stages.1.blocks.0",
        "head",
    ]
    parts = [unit.name for unit in units if unit.parent == "stages.0.blocks.0"]
    assert [name.rsplit(".", 1)[1] for name in parts] == ["local_aggregation", "attention", "ffn"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("deit_tiny_patch16_224", {"patch_embed", "blocks.0", "blocks.11", "norm", "head"}),
        ("resnet18", {"conv1", "layer1.0", "layer4.1", "fc"}),
        ("mobilenetv2_100", {"conv_stem", "blocks.3.1", "conv_head", "classifier"}),
        ("swin_tiny_patch4_window7_224", {"layers.1.downsample", "layers.2.blocks.5"}),
    ],
)
def test_units_of_timm_models(name, expected):
    with torch.device("meta"):
        model = timm.create_model(name)
    units = find_units(model)
    whole = [unit.name for unit in units if not unit.parent]
    assert expected <= set(whole)
    assert len(set(whole)) == len(whole)
    own = [model.get_submodule(unit) for unit in whole]
    assert sum(p.numel() for m in own for p in m.parameters()) >= 0.99 * sum(
        p.numel() for p in model.parameters()
    )


def test_bytes_that_a_unit_moves():
    model = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU())
    moved = unit_bytes(model, ["0"], torch.zeros(2, 3, 4, 4))
    assert moved == {"0": 4 * (3 * 8 + 8) + 4 * 2 * 16 * (3 + 8)}


def test_hooks_are_taken_away():
    model = nn.Sequential(nn.ReLU())
    with pytest.raises(ZeroDivisionError), hooked(model, ["0"], lambda *_: 1 / 0, print):
        model(torch.zeros(1))
    assert not model[0]._forward_hooks
    assert not model[0]._forward_pre_hooks


def test_parts_add_up_to_the_whole():
    model = build_model(ARCH).eval()
    names = [unit.name for unit in find_units(model) if not unit.parent]
    with torch.inference_mode():
        result = measure_units(model, torch.zeros(1, 3, 16, 16), names, 0.05)
    assert set(result.unit_ms) == set(names)
    assert all(ms > 0 for ms in result.unit_ms.values())
    assert 0 < sum(result.unit_ms.values()) <= result.clocked_ms


def test_a_breakdown_ends_when_it_is_known(monkeypatch):
    """Inferences of exactly 4 ms, 5 with clocks: on a made clock, nothing more is to be learnt."""
    now = 0.0

    def clock():
        return now

    class Timed(nn.Module):
        def forward(self, x):
            nonlocal now
            now += 0.004 + (0.001 if self.inside._forward_hooks else 0.0)
            return self.inside(x)

    model = Timed()
    model.inside = nn.Identity()
    monkeypatch.setattr(breakdown.time, "perf_counter", clock)
    monkeypatch.setattr(breakdown.time, "process_time_ns", lambda: round(clock() * 1e9))
    result = measure_units(model, torch.zeros(1), ["inside"], 60.0)
    assert (result.whole_ms, result.clocked_ms) == pytest.approx((4.0, 5.0))
    assert now < 0.2


class MadeProbe:
    """Answers with one latency, and parts that took 2 of 8 ms with clocks, of 5 without."""

    def __init__(self, latency):
        self.latency = latency

    def prepare(self, target, protocol, input_shape):
        """Build nothing."""

    def measure(self, target, protocol, input_shape):
        return self.latency

    def breakdown(self, target, names, protocol, input_shape):
        return Breakdown(5.0, 8.0, dict.fromkeys(names, 2.0), 9)

    def rates(self, protocol, working_bytes):
        return MachineRates(1e9, 1e9)


@pytest.mark.parametrize(("runtime", "whole_ms"), [("eager", 4.0), ("onnxruntime", 5.0)])
def test_times_of_parts_are_scaled_to_the_whole(runtime, whole_ms):
    """In eager mode to the latency; else to the inference in eager mode that they are parts of."""
    latency = LatencyResult(
        median_ms=4.0,
        p10_ms=4.0,
        p90_ms=4.0,
        interval_ms=(3.9, 4.1),
        num_inferences=9,
        num_warmup=1,
        runtime=runtime,
    )
    profile = profile_target(ARCH, MadeProbe(latency))
    assert profile.units_of_ms == whole_ms
    assert all(unit.share == 2 / 8 for unit in profile.units)
    assert all(unit.time_ms == pytest.approx(whole_ms / 4) for unit in profile.units)
    assert profile.clocks_share == pytest.approx(0.6)
    assert profile.units_runtime == "eager"


def test_rates_are_of_this_century():
    rates = measure_rates(torch.device("cpu"), torch.float32, 2**20)
    assert 1e8 < rates.macs_per_s < 1e15
    assert 1e7 < rates.bytes_per_s < 1e14


def test_profile_without_a_probe():
    profile = profile_target(ARCH)
    counts = count_arch(ARCH)
    assert (profile.params, profile.macs) == (counts.params, counts.macs)
    whole = [unit for unit in profile.units if not unit.parent]
    assert sum(unit.macs for unit in whole) == profile.macs
    assert sum(unit.params for unit in whole) == profile.params
    assert profile.latency is None
    assert profile.units_ms is None
    assert all(unit.time_ms is None for unit in profile.units)
    assert profile.input_shape == (3, 16, 16)
    assert profile.weight_bytes["bfloat16"] < profile.weight_bytes["float32"]


def test_profile_with_a_probe(probe):
    profile = profile_target(ARCH, probe, BRIEF.model_copy(update={"batch_size": 2}))
    name, shape = "mobilenetv3_small_050", (3, 32, 32)
    again = profile_target(f"timm:{name}", probe, BRIEF, input_shape=shape)
    assert profile.latency.batch_size == profile.batch_size == 2
    assert profile.units_ms > 0
    assert all(unit.time_ms > 0 and unit.bound_ms > 0 for unit in profile.units)
    assert again.macs == count_macs(timm.create_model(name), (1, *shape)).total
    assert profile.model_validate(profile.model_dump(mode="json")) == profile


def test_profile_of_an_unknown_model():
    with pytest.raises(InputError, match="timm has no model"):
        profile_target("timm:nothing")
