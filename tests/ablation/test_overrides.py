"""Overrides by dotted path, against architectures written out by hand."""

from typing import Any

import pytest

from archsearch import zoo
from archsearch.ablation.overrides import overridden
from archsearch.arch import (
    Arch,
    EfficientChannelAttention,
    LocalityFfn,
    Mlp,
    NoPosition,
    SelfAttention,
    SparseGlobalAttention,
)
from archsearch.errors import InputError


def every_block(arch: Arch) -> list[Any]:
    return [block for stage in arch.stages for block in stage.pattern]


def test_a_field_of_a_block_is_that_of_every_block() -> None:
    arch = overridden(zoo.arch("edgevit_xxs"), {"local_aggregation": None})
    assert all(block.local_aggregation is None for block in every_block(arch))


@pytest.mark.parametrize(
    "path",
    ["sample_rate", "attention.sample_rate", "stages.*.blocks.*.attention.sample_rate"],
)
def test_three_ways_to_write_a_path_are_one(path: str) -> None:
    arch = overridden(zoo.arch("edgevit_xxs"), {path: [8, 4, None, None]})
    rates = [stage.blocks[0].attention.sample_rate for stage in arch.stages]
    assert rates == [8, 4, 2, 1]


def test_blocks_are_numbered_over_the_depth_that_another_override_sets() -> None:
    changes = {"stages.0.blocks.1-2.ffn.type": "mlp", "depth": 4}
    arch = overridden(zoo.arch("localvit_tiny"), changes)
    kinds = [type(block.ffn) for block in every_block(arch)]
    assert kinds == [LocalityFfn, Mlp, Mlp, LocalityFfn]


def test_a_change_of_type_keeps_what_both_types_have() -> None:
    before = zoo.arch("pvt_tiny")
    arch = overridden(before, {"ffn.type": "locality"})
    expansions = [block.ffn.expansion for block in every_block(arch)]
    assert expansions == [block.ffn.expansion for block in every_block(before)]
    assert all(isinstance(block.ffn, LocalityFfn) for block in every_block(arch))


def test_a_mapping_changes_the_keys_that_it_names() -> None:
    changes = {"ffn": {"activation": "relu6", "gate": {"type": "eca"}}}
    ffn = every_block(overridden(zoo.arch("localvit_tiny"), changes))[0].ffn
    assert ffn.activation == "relu6"
    assert ffn.gate == EfficientChannelAttention()
    assert ffn.expansion == 4


def test_a_bare_type_stands_for_a_part() -> None:
    arch = overridden(zoo.arch("sepvit_tiny"), {"position": "none"})
    assert all(stage.position == NoPosition() for stage in arch.stages)


def test_the_first_stage_keeps_the_map_of_the_stem() -> None:
    arch = overridden(zoo.arch("lightvit_tiny"), {"stages.*.downsample": "merge"})
    assert [stage.downsample and stage.downsample.type for stage in arch.stages] == [
        None,
        "merge",
        "merge",
    ]


def test_heads_given_one_way_take_the_place_of_the_other() -> None:
    arch = overridden(zoo.arch("swin_tiny"), {"num_heads": [1, 2, 4, 8]})
    assert [stage.heads for stage in arch.stages] == [1, 2, 4, 8]


def test_a_pattern_may_be_written_anew() -> None:
    pattern = [
        {"attention": {"type": "sparse_global", "sample_rate": 2}, "ffn": "mlp"},
        {"attention": "self_attention", "ffn": {"type": "mlp", "expansion": 2}},
    ]
    stage = overridden(zoo.arch("swin_tiny"), {"stages.2.blocks": pattern}).stages[2]
    assert [block.attention for block in stage.pattern[:2]] == [
        SparseGlobalAttention(sample_rate=2),
        SelfAttention(),
    ]
    assert len(stage.pattern) == 6


def test_nothing_to_change_changes_nothing() -> None:
    for name in zoo.names():
        assert overridden(zoo.arch(name), {}).digest == zoo.arch(name).digest


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"atention.sampler": "max"},
            "atention.sampler: names no parameter of the base; did you mean 'attention.sampler'",
        ),
        ({"expanson": 2}, "expanson: names no parameter of the base; did you mean 'expansion'"),
        ({"stages.9.width": 8}, "there are 4 stages of 1, 1, 3, 2 blocks, counted from 0"),
        ({"stages.2.blocks.3.ffn.expansion": 8}, "names no stage or block of the base"),
        ({"kernel_size": 5}, "stands for more than one value; write "),
        ({"width": [8, 8]}, "must be one value, or one for each of 4 stages, but got"),
        ({"attention.type": "window"}, "attention.window_size: is required; add 'window_size'"),
        ({"head_dim": 7}, "head_dim: must divide the width"),
        ({"attention": {"sampler": "max", "rate": 3}}, "attention.rate: is an unknown key"),
    ],
)
def test_an_override_that_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        overridden(zoo.arch("edgevit_xxs"), changes)
    assert message in str(caught.value)


def test_every_wrong_path_is_reported_at_once() -> None:
    with pytest.raises(InputError) as caught:
        overridden(zoo.arch("edgevit_xxs"), {"a.b": 1, "c": 2})
    assert len(caught.value.problems) == 2
