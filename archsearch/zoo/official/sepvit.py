"""SepViT's checkpoints."""

from archsearch.arch import (
    Arch,
    Block,
    ConditionalPosition,
    Mlp,
    NoPosition,
    OverlappingConvDownsample,
    PatchStem,
    SeparableAttention,
    Stage,
)
from archsearch.image_size import sides_of
from archsearch.zoo.official.family import Family
from archsearch.zoo.official.key_map import KeyMap
from archsearch.zoo.official.shapes import ShapeError, Shapes, heads_like, like_at


def _infer(shapes: Shapes, like: Arch) -> Arch:
    stem = PatchStem(patch_size=4, kernel_size=shapes.size("patch_embeds.0.proj.weight", 2))
    # official networks are square
    side = -(-max(sides_of(like.image_size)) // stem.patch_size)
    stages = []
    for index in range(shapes.count("patch_embeds.#.proj.weight")):
        if index:
            side = -(-side // 2)
        width = shapes.size(f"patch_embeds.{index}.proj.weight", 0)
        depth = shapes.count(f"blocks.{index}.#.")
        blocks = [
            _infer_block(shapes, f"blocks.{index}.{position}", width, side)
            for position in range(depth)
        ]
        position = f"pos_block.{index}.proj.0.weight"
        stages.append(
            Stage(
                depth=depth,
                width=width,
                num_heads=heads_like(like_at(like.stages, index), width),
                downsample=OverlappingConvDownsample() if index else None,
                position=(
                    ConditionalPosition(kernel_size=shapes.size(position, 2))
                    if position in shapes
                    else NoPosition()
                ),
                blocks=tuple(blocks),
            )
        )
    return like.model_copy(
        update={
            "in_channels": shapes.size("patch_embeds.0.proj.weight", 1),
            "num_classes": shapes.size("head.weight", 0),
            "stem": stem,
            "stages": tuple(stages),
        }
    )


def _infer_block(shapes: Shapes, block: str, width: int, side: int) -> Block:
    windows = 1
    if f"{block}.win_tokens" in shapes:
        windows = shapes.square_side(f"{block}.win_tokens", 1)
    if windows > side:
        raise ShapeError(f"{block}.win_tokens")
    return Block(
        attention=SeparableAttention(
            window_size=-(-side // windows), qkv_bias=shapes.any_has(".attn.DSA_qkv.bias")
        ),
        ffn=Mlp(expansion=shapes.size(f"{block}.mlp.fc1.weight", 0) / width),
    )


def _key_map(arch: Arch) -> KeyMap:
    keys = KeyMap()
    for index, (stage, shape) in enumerate(zip(arch.stages, arch.map_shapes, strict=True)):
        embedding = f"stages.{index}.downsample" if index else "stem"
        keys.layer(f"patch_embeds.{index}.proj", f"{embedding}.proj")
        keys.layer(f"patch_embeds.{index}.norm", f"{embedding}.norm")
        if isinstance(stage.position, ConditionalPosition):
            ours = f"stages.{index}.position_after_first.conv"
            keys.layer(f"pos_block.{index}.proj.0", ours)
        for position, block in enumerate(stage.pattern):
            theirs, ours = f"blocks.{index}.{position}", f"stages.{index}.blocks.{position}"
            _block(keys, theirs, ours, block, stage.width, shape)
    keys.layer("norm", "head.norm")
    keys.layer("head", "head.classifier")
    return keys


def _block(
    keys: KeyMap, theirs: str, ours: str, block: Block, width: int, shape: tuple[int, int]
) -> None:
    attention = block.attention
    assert isinstance(attention, SeparableAttention)
    bias = attention.qkv_bias
    keys.layer(f"{theirs}.norm1", f"{ours}.attention.norm")
    keys.layer(f"{theirs}.attn.DSA_qkv", f"{ours}.attention.qkv", bias=bias)
    if attention.group_size < max(shape):
        rows, columns = (-(-side // attention.group_size) for side in shape)
        keys.reshaped(
            f"{theirs}.win_tokens",
            f"{ours}.attention.window_tokens",
            (1, rows * columns, 1, width),
            (rows, columns, width),
        )
        keys.layer(f"{theirs}.attn.win_tokens_norm", f"{ours}.attention.token_norm")
        keys.layer(f"{theirs}.attn.PSA_qk", f"{ours}.attention.qk_pointwise", bias=bias)
    keys.layer(f"{theirs}.attn.proj", f"{ours}.attention.proj")
    keys.ffn(theirs, f"{ours}.ffn", block.ffn, norm="norm2", residual="conv")


SEPVIT = Family("SepViT", "blocks.0.0.attn.DSA_qkv.weight", _infer, _key_map)
