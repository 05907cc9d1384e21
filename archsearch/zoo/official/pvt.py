"""PVT's checkpoints, and LocalViT-PVT's."""

from archsearch.arch import (
    Arch,
    Block,
    ConvDownsample,
    LearnedPosition,
    PatchStem,
    SelfAttention,
    SpatialReductionAttention,
    Stage,
)
from archsearch.zoo.official.family import Family
from archsearch.zoo.official.key_map import KeyMap
from archsearch.zoo.official.shapes import Shapes, heads_like, like_at


def _infer(shapes: Shapes, like: Arch) -> Arch:
    count = shapes.count("patch_embed#.proj.weight")
    stages = []
    for index in range(count):
        width = shapes.size(f"patch_embed{index + 1}.proj.weight", 0)
        same = like_at(like.stages, index)
        theirs = f"block{index + 1}"
        blocks = [
            _infer_block(shapes, f"{theirs}.{position}", width, same)
            for position in range(shapes.count(f"{theirs}.#."))
        ]
        stages.append(
            Stage(
                depth=len(blocks),
                width=width,
                num_heads=heads_like(same, width),
                downsample=ConvDownsample() if index else None,
                position=LearnedPosition(),
                class_token=index == count - 1,
                blocks=tuple(blocks),
            )
        )
    patch = shapes.size("patch_embed1.proj.weight", 2)
    return like.model_copy(
        update={
            "image_size": shapes.square_side("pos_embed1", 1, extra=int(count == 1)) * patch,
            "in_channels": shapes.size("patch_embed1.proj.weight", 1),
            "num_classes": shapes.size("head.weight", 0),
            "stem": PatchStem(patch_size=patch),
            "stages": tuple(stages),
        }
    )


def _infer_block(shapes: Shapes, block: str, width: int, like: Stage) -> Block:
    reduction = 1
    if f"{block}.attn.sr.weight" in shapes:
        reduction = shapes.size(f"{block}.attn.sr.weight", 2)
    return Block(
        attention=SpatialReductionAttention(
            reduction=reduction, qkv_bias=shapes.any_has(".attn.q.bias")
        ),
        ffn=shapes.ffn(block, width, like.pattern[0].ffn),
    )


def _key_map(arch: Arch) -> KeyMap:
    keys = KeyMap()
    last = len(arch.stages) - 1
    keys.same("cls_token", f"stages.{last}.tokens.class_token")
    for index, (stage, shape) in enumerate(zip(arch.stages, arch.map_shapes, strict=True)):
        embedding = f"stages.{index}.downsample" if index else "stem"
        keys.layer(f"patch_embed{index + 1}.proj", f"{embedding}.proj")
        keys.layer(f"patch_embed{index + 1}.norm", f"{embedding}.norm")
        keys.position(
            f"pos_embed{index + 1}", f"stages.{index}.position", shape, class_token=index == last
        )
        for position, block in enumerate(stage.pattern):
            theirs, ours = f"block{index + 1}.{position}", f"stages.{index}.blocks.{position}"
            _block(keys, theirs, ours, block, stage.width)
    keys.layer("norm", "head.norm")
    keys.layer("head", "head.classifier")
    return keys


def _block(keys: KeyMap, theirs: str, ours: str, block: Block, width: int) -> None:
    attention = block.attention
    assert isinstance(attention, SelfAttention | SpatialReductionAttention)
    bias = attention.qkv_bias
    keys.layer(f"{theirs}.norm1", f"{ours}.attention.norm")
    if isinstance(attention, SpatialReductionAttention):
        keys.layer(f"{theirs}.attn.q", f"{ours}.attention.q", bias=bias)
        keys.layer(f"{theirs}.attn.kv", f"{ours}.attention.kv", bias=bias)
        keys.layer(f"{theirs}.attn.sr", f"{ours}.attention.reduce")
        keys.layer(f"{theirs}.attn.norm", f"{ours}.attention.reduce_norm")
    else:
        for name in ("weight", "bias") if bias else ("weight",):
            official = (f"{theirs}.attn.q.{name}", f"{theirs}.attn.kv.{name}")
            keys.joined(official, f"{ours}.attention.qkv.{name}", width)
    keys.layer(f"{theirs}.attn.proj", f"{ours}.attention.proj")
    keys.ffn(theirs, f"{ours}.ffn", block.ffn, norm="norm2", residual="conv")


PVT = Family("PVT", "pos_embed1", _infer, _key_map)
