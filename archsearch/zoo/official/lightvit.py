"""LightViT's checkpoints."""

from archsearch.arch import (
    Arch,
    BiDimensionalFfn,
    Block,
    NeckHead,
    RelativeBias,
    ResidualMerge,
    Stage,
    WindowGlobalAttention,
)
from archsearch.image_size import sides_of
from archsearch.zoo.official.family import Family
from archsearch.zoo.official.key_map import KeyMap
from archsearch.zoo.official.shapes import Shapes


def _infer(shapes: Shapes, like: Arch) -> Arch:
    stages = []
    for index in range(shapes.count("stages.#.")):
        first = 1 if index else 0  # a later stage starts with its patch merging
        depth = shapes.count(f"stages.{index}.#.attn.qkv.weight")
        block = f"stages.{index}.{first}"
        width = shapes.size(f"{block}.attn.qkv.weight", 1)
        window, heads = shapes.window(f"{block}.attn.relative_position_bias_table")
        stages.append(
            Stage(
                depth=depth,
                width=width,
                num_heads=heads,
                downsample=ResidualMerge() if index else None,
                position=RelativeBias(),
                blocks=(
                    Block(
                        attention=WindowGlobalAttention(
                            window_size=window,
                            global_tokens=shapes.size("global_token", 1),
                            qkv_bias=shapes.any_has(".attn.qkv.bias"),
                        ),
                        ffn=BiDimensionalFfn(
                            expansion=shapes.size(f"{block}.mlp.fc1.weight", 0) / width
                        ),
                    ),
                ),
            )
        )
    return like.model_copy(
        update={
            "image_size": _image_size(stages, like),
            "in_channels": shapes.size("patch_embed.stem.0.weight", 1),
            "num_classes": shapes.size("head.weight", 0),
            "stages": tuple(stages),
            "head": NeckHead(width=shapes.size("neck.0.weight", 0)),
        }
    )


def _image_size(stages: list[Stage], like: Arch) -> int:
    """Return the named model's image size, or a larger one where its maps hold no whole window."""
    sizes = [*sides_of(like.image_size)]
    for index, stage in enumerate(stages):
        attention = stage.blocks[0].attention
        assert isinstance(attention, WindowGlobalAttention)
        sizes.append(attention.window_size * like.stem_stride * 2**index)
    return max(sizes)


def _key_map(arch: Arch) -> KeyMap:
    keys = KeyMap()
    keys.same("global_token", "stages.0.tokens.global_tokens")
    for convolution in (0, 3, 6, 9):
        keys.layer(f"patch_embed.stem.{convolution}", f"stem.layers.{convolution}", bias=False)
        keys.batch_norm(f"patch_embed.stem.{convolution + 1}", f"stem.layers.{convolution + 1}")
    keys.layer("patch_embed.proj", "stem.proj")
    keys.layer("patch_embed.norm", "stem.norm")
    for index, stage in enumerate(arch.stages):
        if index:
            _merge(keys, f"stages.{index}.0", f"stages.{index}")
        for position, block in enumerate(stage.pattern):
            theirs = f"stages.{index}.{position + (1 if index else 0)}"
            _block(keys, theirs, f"stages.{index}.blocks.{position}", block)
    keys.layer("norm", "head.norm")
    keys.layer("neck.0", "head.neck.0")
    keys.layer("neck.1", "head.neck.1")
    keys.layer("head", "head.classifier")
    return keys


def _merge(keys: KeyMap, theirs: str, ours: str) -> None:
    keys.layer(f"{theirs}.norm", f"{ours}.downsample.norm")
    keys.layer(f"{theirs}.reduction", f"{ours}.downsample.reduction", bias=False)
    keys.layer(f"{theirs}.res_proj", f"{ours}.downsample.residual", bias=False)
    keys.layer(f"{theirs}.norm2", f"{ours}.tokens.projection.0")
    keys.layer(f"{theirs}.proj", f"{ours}.tokens.projection.1", bias=False)


def _block(keys: KeyMap, theirs: str, ours: str, block: Block) -> None:
    attention = block.attention
    assert isinstance(attention, WindowGlobalAttention)
    keys.layer(f"{theirs}.norm1", f"{ours}.attention.norm")
    keys.layer(f"{theirs}.attn.qkv", f"{ours}.attention.qkv", bias=attention.qkv_bias)
    keys.layer(f"{theirs}.attn.kv_global", f"{ours}.attention.kv_global", bias=attention.qkv_bias)
    keys.layer(f"{theirs}.attn.proj", f"{ours}.attention.proj")
    keys.relative_bias(
        f"{theirs}.attn.relative_position_bias_table", f"{ours}.attention.relative_bias.table"
    )
    keys.tables[f"{theirs}.attn.relative_position_index"] = (attention.window_size**4,)
    keys.layer(f"{theirs}.norm2", f"{ours}.ffn.norm")
    keys.layer(f"{theirs}.mlp.fc1", f"{ours}.ffn.fc1")
    keys.layer(f"{theirs}.mlp.fc2", f"{ours}.ffn.fc2")
    keys.layer(f"{theirs}.mlp.attn.norm", f"{ours}.ffn.gate_norm")
    for name in ("global_reduce", "channel_select", "local_reduce", "spatial_select"):
        keys.layer(f"{theirs}.mlp.attn.{name}", f"{ours}.ffn.{name}")


LIGHTVIT = Family("LightViT", "global_token", _infer, _key_map)
