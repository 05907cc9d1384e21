"""EdgeViT's checkpoints."""

from archsearch.arch import (
    Arch,
    Block,
    ConditionalPosition,
    ConvDownsample,
    LocalAggregation,
    Mlp,
    PatchStem,
    SelfAttention,
    SparseGlobalAttention,
    Stage,
)
from archsearch.zoo.official.family import Family
from archsearch.zoo.official.key_map import KeyMap
from archsearch.zoo.official.shapes import Shapes, heads_like, like_at


def _infer(shapes: Shapes, like: Arch) -> Arch:
    stages = []
    count = shapes.count("patch_embed#.proj.weight")
    widths = [shapes.size(f"patch_embed{index + 1}.proj.weight", 0) for index in range(count)]
    heads = _heads(widths, like)
    for index, width in enumerate(widths):
        theirs = f"blocks{index + 1}"
        block = f"{theirs}.0"
        attention = f"{block}.SelfAttn.attn"
        rate = 1
        if f"{attention}.LocalProp.weight" in shapes:
            rate = shapes.size(f"{attention}.LocalProp.weight", 2)
        local = None
        if f"{block}.LocalAgg.attn.weight" in shapes:
            local = LocalAggregation(
                kernel_size=shapes.size(f"{block}.LocalAgg.attn.weight", 2),
                expansion=shapes.size(f"{block}.LocalAgg.mlp.fc1.weight", 0) / width,
            )
        stages.append(
            Stage(
                depth=shapes.count(f"{theirs}.#."),
                width=width,
                num_heads=heads[index],
                downsample=ConvDownsample() if index else None,
                position=ConditionalPosition(
                    kernel_size=shapes.size(f"{block}.SelfAttn.pos_embed.weight", 2),
                    placement="every_block",
                ),
                blocks=(
                    Block(
                        attention=SparseGlobalAttention(
                            sample_rate=rate, qkv_bias=shapes.any_has(".attn.qkv.bias")
                        ),
                        ffn=Mlp(
                            expansion=shapes.size(f"{block}.SelfAttn.mlp.fc1.weight", 0) / width
                        ),
                        local_aggregation=local,
                    ),
                ),
            )
        )
    return like.model_copy(
        update={
            "in_channels": shapes.size("patch_embed1.proj.weight", 1),
            "num_classes": shapes.size("head.weight", 0),
            "stem": PatchStem(patch_size=shapes.size("patch_embed1.proj.weight", 2)),
            "stages": tuple(stages),
        }
    )


def _heads(widths: list[int], like: Arch) -> list[int]:
    """Return the heads of each stage: as wide as the named model's, or all as the first stage.

    The official models have one head in their first stage, and heads of that width in all.
    """
    head_dims = {stage.width // stage.heads for stage in like.stages}
    if any(width % head_dim for width in widths for head_dim in head_dims) and not any(
        width % widths[0] for width in widths
    ):
        return [width // widths[0] for width in widths]
    return [heads_like(like_at(like.stages, index), width) for index, width in enumerate(widths)]


def _key_map(arch: Arch) -> KeyMap:
    keys = KeyMap()
    for index, stage in enumerate(arch.stages):
        embedding = f"stages.{index}.downsample" if index else "stem"
        keys.layer(f"patch_embed{index + 1}.proj", f"{embedding}.proj")
        keys.layer(f"patch_embed{index + 1}.norm", f"{embedding}.norm")
        for position, block in enumerate(stage.pattern):
            theirs, ours = f"blocks{index + 1}.{position}", f"stages.{index}.blocks.{position}"
            if block.local_aggregation is not None:
                _local_aggregation(keys, f"{theirs}.LocalAgg", ours)
            _self_attention(keys, f"{theirs}.SelfAttn", ours, block)
    keys.batch_norm("norm", "head.norm")
    keys.layer("head", "head.classifier")
    return keys


def _local_aggregation(keys: KeyMap, theirs: str, ours: str) -> None:
    keys.layer(f"{theirs}.pos_embed", f"{ours}.local_position.conv")
    ours = f"{ours}.local_aggregation"
    keys.batch_norm(f"{theirs}.norm1", f"{ours}.norm1")
    keys.layer(f"{theirs}.conv1", f"{ours}.conv1")
    keys.layer(f"{theirs}.attn", f"{ours}.depthwise")
    keys.layer(f"{theirs}.conv2", f"{ours}.conv2")
    keys.batch_norm(f"{theirs}.norm2", f"{ours}.norm2")
    keys.layer(f"{theirs}.mlp.fc1", f"{ours}.fc1")
    keys.layer(f"{theirs}.mlp.fc2", f"{ours}.fc2")


def _self_attention(keys: KeyMap, theirs: str, ours: str, block: Block) -> None:
    attention = block.attention
    assert isinstance(attention, SelfAttention | SparseGlobalAttention)
    keys.layer(f"{theirs}.pos_embed", f"{ours}.position.conv")
    keys.layer(f"{theirs}.norm1", f"{ours}.attention.norm")
    keys.layer(f"{theirs}.attn.qkv", f"{ours}.attention.qkv", bias=attention.qkv_bias)
    if isinstance(attention, SparseGlobalAttention):
        # a depthwise kernel (C, 1, r, r) there, (r, r, C) here
        keys.changed(
            f"{theirs}.attn.LocalProp.weight",
            f"{ours}.attention.local_propagation.weight",
            lambda x: x[:, 0].permute(1, 2, 0),
            lambda x: x.permute(2, 0, 1)[:, None],
        )
        keys.same(f"{theirs}.attn.LocalProp.bias", f"{ours}.attention.local_propagation.bias")
        keys.layer(f"{theirs}.attn.norm", f"{ours}.attention.propagation_norm")
    keys.layer(f"{theirs}.attn.proj", f"{ours}.attention.proj")
    keys.layer(f"{theirs}.norm2", f"{ours}.ffn.norm")
    keys.layer(f"{theirs}.mlp.fc1", f"{ours}.ffn.fc1")
    keys.layer(f"{theirs}.mlp.fc2", f"{ours}.ffn.fc2")


EDGEVIT = Family("EdgeViT", "blocks1.0.SelfAttn.attn.qkv.weight", _infer, _key_map)
