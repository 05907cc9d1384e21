"""Checkpoints of the DeiT shape: DeiT itself, and LocalViT-T and -S."""

from archsearch.arch import (
    Arch,
    Block,
    LearnedPosition,
    PatchStem,
    SelfAttention,
    SinusoidPosition,
    Stage,
)
from archsearch.zoo.official.family import Family
from archsearch.zoo.official.key_map import KeyMap
from archsearch.zoo.official.shapes import Shapes, heads_like


def plain_blocks(shapes: Shapes, like: Stage, width: int) -> tuple[Block, ...]:
    """Return the blocks of a plain vision transformer, each as its own keys say."""
    pattern = like.pattern
    bias = shapes.any_has(".attn.qkv.bias")
    blocks = []
    for index in range(shapes.count("blocks.#.")):
        same = pattern[min(index, len(pattern) - 1)]
        ffn = shapes.ffn(f"blocks.{index}", width, same.ffn)
        blocks.append(Block(attention=SelfAttention(qkv_bias=bias), ffn=ffn))
    return tuple(blocks)


def plain_block_keys(keys: KeyMap, theirs: str, ours: str, block: Block) -> None:
    """Add a block of a plain vision transformer."""
    assert isinstance(block.attention, SelfAttention)
    keys.layer(f"{theirs}.norm1", f"{ours}.attention.norm")
    keys.layer(f"{theirs}.attn.qkv", f"{ours}.attention.qkv", bias=block.attention.qkv_bias)
    keys.layer(f"{theirs}.attn.proj", f"{ours}.attention.proj")
    keys.ffn(theirs, f"{ours}.ffn", block.ffn, norm="norm2", residual="conv")


def plain_stage_keys(keys: KeyMap, arch: Arch, position: str) -> None:
    """Add class token, positions and head of a network of one stage with a class token."""
    keys.same("cls_token", "stages.0.tokens.class_token")
    assert isinstance(arch.stages[0].position, LearnedPosition | SinusoidPosition)
    keys.position(position, "stages.0.position", arch.map_shapes[0], class_token=True)
    keys.layer("norm", "head.norm")
    keys.layer("head", "head.classifier")


def _infer(shapes: Shapes, like: Arch) -> Arch:
    patch = shapes.size("patch_embed.proj.weight", 2)
    width = shapes.size("patch_embed.proj.weight", 0)
    blocks = plain_blocks(shapes, like.stages[0], width)
    stage = like.stages[0].model_copy(
        update={
            "depth": len(blocks),
            "width": width,
            "num_heads": heads_like(like.stages[0], width),
            "head_dim": None,
            "blocks": blocks,
        }
    )
    return like.model_copy(
        update={
            "image_size": shapes.square_side("pos_embed", 1, extra=1) * patch,
            "in_channels": shapes.size("patch_embed.proj.weight", 1),
            "num_classes": shapes.size("head.weight", 0),
            "stem": PatchStem(patch_size=patch, norm=False),
            "stages": (stage,),
        }
    )


def _key_map(arch: Arch) -> KeyMap:
    keys = KeyMap()
    keys.layer("patch_embed.proj", "stem.proj")
    plain_stage_keys(keys, arch, "pos_embed")
    for index, block in enumerate(arch.stages[0].pattern):
        plain_block_keys(keys, f"blocks.{index}", f"stages.0.blocks.{index}", block)
    return keys


DEIT = Family("DeiT or LocalViT", "blocks.0.attn.qkv.weight", _infer, _key_map)
