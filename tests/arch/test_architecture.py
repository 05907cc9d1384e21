"""Architectures as values: round trip, canonical form, digest, difference, summary."""

import json
import subprocess
import sys

import pytest
from pydantic import ValidationError

from archsearch.arch import (
    Arch,
    BiDimensionalFfn,
    Block,
    ConvStem,
    LocalAggregation,
    LocalityFfn,
    Mlp,
    NeckHead,
    PatchStem,
    RelativeBias,
    ResidualMerge,
    SelfAttention,
    SeparableAttention,
    SparseGlobalAttention,
    SpatialReductionAttention,
    Stage,
    WindowAttention,
    WindowGlobalAttention,
    arch_from,
    diff,
    load_arch,
    summary,
)
from archsearch.yaml_source import parse_yaml
from tests.model.paper_archs import deit, edgevit, lightvit, localvit, pvt, sepvit, swin

PAPERS = {
    "lightvit": lightvit(),
    "edgevit": edgevit(),
    "localvit": localvit(LocalityFfn()),
    "sepvit": sepvit(),
    "pvt": pvt(locality=True),
    "swin": swin(),
    "deit": deit(),
}

#: written down once; a change here orphans every stored result
DIGESTS = {
    "lightvit": "f12b7b463faa536e2f4ff9f4e445e50ce214e6a4626ce7006c3badca66ec6d25",
    "edgevit": "95c49999a71ed045bed7f9d61deab11c6c359a949f9c51076f9e62613794c46c",
    "localvit": "c83ec5b331079f376cd00ac5e745a9310e1818dea34f420c83c2710615ac2897",
    "sepvit": "eb7ab9c516a47ddd9199a008ffa53f170fbbdea3af8a6880e3a60130dd5014a5",
    "pvt": "5e6e34d40b641843e95dad9039f1a0b0061fd23d60ac29cd6a6f2ec1b4b607b7",
    "swin": "bf1620c65a3e5967963e524a8e8a1ac36c0b71451036d59facad604b5eb77ce4",
    "deit": "fcba5f5bdb423c3343175126c509f903952049715c91c6da527cf78472da40af",
}


def one_stage(attention, ffn=None, depth=2, **options):
    blocks = (Block(attention=attention, ffn=ffn or Mlp()),)
    values = {"depth": depth, "width": 32, "num_heads": 4, "blocks": blocks, **options}
    stages = (Stage(**values),)
    return Arch(image_size=32, num_classes=10, stem=PatchStem(patch_size=4), stages=stages)


@pytest.mark.parametrize("name", PAPERS)
def test_digest_is_stable(name):
    assert PAPERS[name].digest == DIGESTS[name]


def test_digest_does_not_depend_on_the_hash_seed():
    code = "from tests.model.paper_archs import lightvit; print(lightvit().digest)"
    for seed in ("1", "2"):
        shown = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert shown.stdout.strip() == DIGESTS["lightvit"]


@pytest.mark.parametrize("name", PAPERS)
def test_round_trip_through_yaml_json_and_a_file(name, tmp_path):
    arch = PAPERS[name]
    assert arch_from(parse_yaml(arch.to_yaml())) == arch
    assert Arch.model_validate(json.loads(json.dumps(arch.to_dict()))) == arch
    arch.save(tmp_path / "arch.yaml")
    assert load_arch(tmp_path / "arch.yaml") == arch
    assert arch_from(parse_yaml(arch.canonical().to_yaml())).digest == arch.digest


@pytest.mark.parametrize("name", PAPERS)
def test_canonical_form_is_its_own(name):
    once = PAPERS[name].canonical()
    assert once.canonical() == once
    assert once.digest == PAPERS[name].digest
    assert once.map_sizes == PAPERS[name].map_sizes


#: on a map of 8 x 8 tokens
SAME = {
    "window clamped": (WindowAttention(window_size=8), WindowAttention(window_size=100)),
    "shift of one window": (
        WindowAttention(window_size=8),
        WindowAttention(window_size=9, shift=True),
    ),
    "global window clamped": (
        WindowGlobalAttention(window_size=8, global_tokens=2),
        WindowGlobalAttention(window_size=14, global_tokens=2),
    ),
    "r of 1": (SelfAttention(), SparseGlobalAttention(sample_rate=1, sampler="max")),
    "r clamped": (SparseGlobalAttention(sample_rate=8), SparseGlobalAttention(sample_rate=20)),
    "reduction of 1": (SelfAttention(), SpatialReductionAttention(reduction=1)),
    "group spelled out": (
        SeparableAttention(window_size=4),
        SeparableAttention(window_size=2, group_count=2),
    ),
    "single group": (
        SeparableAttention(window_size=8),
        SeparableAttention(window_size=4, group_count=3, window_token="zero", pointwise=False),
    ),
}

DIFFERENT = {
    "bias of the projection": (SelfAttention(), SelfAttention(qkv_bias=False)),
    "shift": (WindowAttention(window_size=4), WindowAttention(window_size=4, shift=True)),
    "window": (WindowAttention(window_size=4), WindowAttention(window_size=3)),
    "sampler": (
        SparseGlobalAttention(sample_rate=2),
        SparseGlobalAttention(sample_rate=2, sampler="max"),
    ),
    "pointwise": (
        SeparableAttention(window_size=4),
        SeparableAttention(window_size=4, pointwise=False),
    ),
    "type": (SelfAttention(), SeparableAttention(window_size=8)),
}


@pytest.mark.parametrize("name", SAME)
def test_inactive_parameters_do_not_change_the_digest(name):
    left, right = (one_stage(attention) for attention in SAME[name])
    assert left != right
    assert left.canonical() == right.canonical()
    assert left.digest == right.digest


@pytest.mark.parametrize("name", DIFFERENT)
def test_active_parameters_change_the_digest(name):
    left, right = (one_stage(attention) for attention in DIFFERENT[name])
    assert left.digest != right.digest


def test_ffn_stem_and_heads_have_one_spelling():
    plain = one_stage(SelfAttention())
    ungated = BiDimensionalFfn(channel=False, spatial=False, reduction=8)
    assert one_stage(SelfAttention(), ungated).digest == plain.digest
    pointwise = one_stage(SelfAttention(), LocalityFfn(depthwise=False))
    assert one_stage(SelfAttention(), LocalityFfn(depthwise=False, kernel_size=5)) != pointwise
    assert (
        one_stage(SelfAttention(), LocalityFfn(depthwise=False, kernel_size=5)).digest
        == pointwise.digest
    )
    by_size = one_stage(SelfAttention(), num_heads=None, head_dim=8)
    assert by_size.digest == plain.digest
    kernel = plain.model_copy(update={"stem": PatchStem(patch_size=4, kernel_size=4)})
    assert kernel.digest == plain.digest
    whole, broken = (one_stage(SelfAttention(), Mlp(expansion=e)) for e in (4, 4.0))
    assert whole.digest == broken.digest


def test_patterns_have_one_spelling():
    a = Block(attention=WindowAttention(window_size=4), ffn=Mlp())
    b = Block(attention=WindowAttention(window_size=4, shift=True), ffn=Mlp())
    written_out = one_stage(SelfAttention(), depth=4, blocks=(a, b, a, b))
    cycled = one_stage(SelfAttention(), depth=4, blocks=(a, b))
    assert written_out.digest == cycled.digest
    assert cycled.stages[0].pattern == (a, b, a, b)
    twice = a.model_copy(update={"repeat": 2})
    assert one_stage(SelfAttention(), depth=5, blocks=(twice, b)).stages[0].pattern == (
        a,
        a,
        b,
        a,
        a,
    )
    # entries beyond the depth do nothing
    assert one_stage(SelfAttention(), depth=1, blocks=(a, b)).digest == (
        one_stage(SelfAttention(), depth=1, blocks=(a,)).digest
    )


@pytest.mark.parametrize(
    ("size", "stem", "expected"),
    [
        (224, ConvStem(stride=8), (28, 14, 7)),
        (32, ConvStem(stride=2), (16, 8, 4)),
        (33, PatchStem(patch_size=4), (9, 5, 3)),
        (5, ConvStem(stride=16), (1, 1, 1)),
    ],
)
def test_map_sizes_round_up(size, stem, expected):
    arch = PAPERS["lightvit"].model_copy(update={"image_size": size, "stem": stem})
    assert arch.map_sizes == expected


def test_values_are_frozen_hashable_and_strict():
    arch = one_stage(SelfAttention())
    assert len({arch, one_stage(SelfAttention())}) == 1
    with pytest.raises(ValidationError, match="frozen"):
        arch.image_size = 5
    with pytest.raises(ValidationError, match="Extra inputs"):
        Mlp(expansion=2, hidden=5)


def test_shorthand_is_the_type_with_its_defaults():
    arch = arch_from(
        parse_yaml(
            "stages:\n- depth: 1\n  width: 8\n  num_heads: 2\n  position: relative_bias\n"
            "  blocks:\n  - {attention: self_attention, ffn: mlp}\nhead: pooled\n"
        )
    )
    assert arch.stages[0].position == RelativeBias()
    assert arch.stages[0].blocks[0] == Block(attention=SelfAttention(), ffn=Mlp())


def test_diff_names_what_differs():
    left = lightvit()
    right = left.model_copy(update={"head": NeckHead(width=640), "num_classes": 10})
    found = {each.key: (each.left, each.right) for each in diff(left, right)}
    assert found["head.width"] == (1280, 640)
    assert found["num_classes"] == (1000, 10)
    assert len(found) == 2
    assert list(diff(left, lightvit())) == []


def test_summary_is_one_line_with_every_stage():
    text = summary(lightvit())
    assert "\n" not in text
    assert text.startswith("224px conv/8 | 2x64 window_global(w7,t8) bi_dimensional")
    assert "r4" in summary(edgevit())
    assert "local+" in summary(edgevit())
    assert "w14" in summary(sepvit())
    for arch in PAPERS.values():
        assert summary(arch).count(" | ") == len(arch.stages)


def test_heads_of_a_stage():
    values = {"depth": 1, "blocks": (Block(attention=SelfAttention(), ffn=Mlp()),)}
    assert Stage(width=240, head_dim=48, **values).heads == 5
    assert Stage(width=240, num_heads=3, **values).heads == 3
    assert Stage(width=64, num_heads=2, downsample=ResidualMerge(), **values).global_tokens == 0
    local = Block(attention=SelfAttention(), ffn=Mlp(), local_aggregation=LocalAggregation())
    assert local.canonical(4) == local
