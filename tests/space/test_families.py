"""Each family space holds the family's published models."""

from pathlib import Path

import pytest

import archsearch
from archsearch.arch import arch_from, load_arch
from archsearch.space import load_space
from archsearch.yaml_source import parse_yaml

PUBLISHED = sorted(Path(archsearch.__file__).parent.glob("zoo/archs/*.yaml"))
FAMILIES = ("lightvit", "edgevit", "localvit", "sepvit")
MEMBERS = [path for path in PUBLISHED if path.stem.split("_")[0] in FAMILIES]


def test_every_family_has_members() -> None:
    assert {path.stem.split("_")[0] for path in MEMBERS} == set(FAMILIES)


@pytest.mark.parametrize("path", MEMBERS, ids=lambda path: path.stem)
def test_family_space_holds(path: Path) -> None:
    arch = load_arch(path)
    space = load_space(path.stem.split("_")[0])
    params = space.params_of(arch)
    assert params is not None
    assert space.arch(params).digest == arch.digest


SCALED = {
    "lightvit": """\
stem: {type: conv, stride: 4}
stages:
  - depth: 1
    width: 32
    head_dim: 16
    position: relative_bias
    blocks: &blocks
      - attention: {type: window_global, window_size: 4, global_tokens: 8}
        ffn: {type: bi_dimensional, expansion: 4}
  - {depth: 3, width: 64, head_dim: 16, downsample: residual_merge, position: relative_bias,
     blocks: *blocks}
  - {depth: 3, width: 96, head_dim: 16, downsample: residual_merge, position: relative_bias,
     blocks: *blocks}
head: {type: neck, width: 256}
""",
    "edgevit": """\
stem: {type: patch, patch_size: 4}
stages:
  - depth: 1
    width: 16
    head_dim: 16
    position: &every {type: conditional, placement: every_block}
    blocks:
      - attention: {type: sparse_global, sample_rate: 4}
        ffn: mlp
        local_aggregation: {kernel_size: 5, expansion: 2}
  - depth: 1
    width: 32
    head_dim: 16
    downsample: conv
    position: *every
    blocks: &sparse
      - attention: {type: sparse_global, sample_rate: 2}
        ffn: mlp
        local_aggregation: {kernel_size: 5, expansion: 2}
  - {depth: 3, width: 64, head_dim: 16, downsample: conv, position: *every, blocks: *sparse}
  - depth: 2
    width: 128
    head_dim: 16
    downsample: conv
    position: *every
    blocks: [{attention: self_attention, ffn: mlp}]
head: {type: pooled, norm: batch}
""",
    "localvit": """\
stem: {type: patch, patch_size: 4}
stages:
  - depth: 2
    width: 32
    head_dim: 16
    position: learned
    blocks: &local
      - attention: self_attention
        ffn: {type: locality, expansion: 4, gate: {type: se, reduction: 4}}
  - {depth: 4, width: 64, head_dim: 16, downsample: conv, position: learned, blocks: *local}
  - {depth: 2, width: 96, head_dim: 16, downsample: conv, position: learned, blocks: *local}
""",
    "sepvit": """\
stem: {type: patch, patch_size: 4, kernel_size: 7}
stages:
  - depth: 1
    width: 16
    head_dim: 16
    position: conditional
    blocks: [{attention: {type: separable, window_size: 4}, ffn: mlp}]
  - depth: 2
    width: 32
    head_dim: 16
    downsample: overlapping_conv
    position: conditional
    blocks: [{attention: {type: separable, window_size: 2, group_count: 2}, ffn: mlp}]
  - depth: 6
    width: 64
    head_dim: 16
    downsample: overlapping_conv
    position: conditional
    blocks: [{attention: {type: separable, window_size: 2}, ffn: mlp}]
  - depth: 2
    width: 128
    head_dim: 16
    downsample: overlapping_conv
    position: conditional
    blocks: [{attention: {type: separable, window_size: 2}, ffn: mlp}]
""",
}


@pytest.mark.parametrize("family", SCALED)
def test_main_space_holds_scaled_members(family: str) -> None:
    text = "image_size: 32\nin_channels: 1\nnum_classes: 10\n" + SCALED[family]
    assert load_space("lightweight").contains(arch_from(parse_yaml(text)))
