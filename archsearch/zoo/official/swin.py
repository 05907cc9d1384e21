"""Swin's checkpoints, and LocalViT-Swin's."""

import re
from collections.abc import Collection
from math import isqrt, prod

from archsearch.arch import Arch, Block, Merge, PatchStem, RelativeBias, Stage, WindowAttention
from archsearch.image_size import sides_of
from archsearch.zoo.official.family import Family, Spelling
from archsearch.zoo.official.key_map import KeyMap
from archsearch.zoo.official.shapes import Shapes, like_at


def _infer(shapes: Shapes, like: Arch) -> Arch:
    patch = shapes.size("patch_embed.proj.weight", 2)
    stages = []
    for index in range(shapes.count("layers.#.")):
        same = like_at(like.stages, index)
        blocks = [
            _infer_block(shapes, f"layers.{index}.blocks.{position}", same, position % 2 == 1)
            for position in range(shapes.count(f"layers.{index}.blocks.#."))
        ]
        first = f"layers.{index}.blocks.0.attn"
        stages.append(
            Stage(
                depth=len(blocks),
                width=shapes.size(f"{first}.qkv.weight", 1),
                num_heads=shapes.window(f"{first}.relative_position_bias_table")[1],
                downsample=Merge() if index else None,
                position=RelativeBias(),
                blocks=tuple(blocks),
            )
        )
    return like.model_copy(
        update={
            "image_size": _image_size(shapes, patch) or _least_size(shapes, patch, like),
            "in_channels": shapes.size("patch_embed.proj.weight", 1),
            "num_classes": shapes.size("head.weight", 0),
            "stem": PatchStem(patch_size=patch, norm="patch_embed.norm.weight" in shapes),
            "stages": tuple(stages),
        }
    )


def _image_size(shapes: Shapes, patch: int) -> int | None:
    """Return the image size that the mask of the first shifted block was made for."""
    for stage in range(shapes.count("layers.#.")):
        mask = f"layers.{stage}.blocks.1.attn_mask"
        if mask in shapes:
            side = shapes.square_side(mask, 0) * isqrt(shapes.size(mask, 1))
            return (side << stage) * patch
    return None


def _least_size(shapes: Shapes, patch: int, like: Arch) -> int:
    """Return the named model's image size, or a larger one where its maps hold no whole window."""
    windows = [
        shapes.window(f"layers.{index}.blocks.0.attn.relative_position_bias_table")[0]
        for index in range(shapes.count("layers.#."))
    ]
    return max(
        *sides_of(like.image_size),
        *(window * patch << index for index, window in enumerate(windows)),
    )


def _infer_block(shapes: Shapes, block: str, like: Stage, shift: bool) -> Block:
    table = f"{block}.attn.relative_position_bias_table"
    width = shapes.size(f"{block}.attn.qkv.weight", 1)
    return Block(
        attention=WindowAttention(
            window_size=shapes.window(table)[0],
            shift=shift,
            qkv_bias=shapes.any_has(".attn.qkv.bias"),
        ),
        ffn=shapes.ffn(block, width, like.pattern[0].ffn),
    )


def _key_map(arch: Arch) -> KeyMap:
    keys = KeyMap()
    keys.layer("patch_embed.proj", "stem.proj")
    if isinstance(arch.stem, PatchStem) and arch.stem.norm:
        keys.layer("patch_embed.norm", "stem.norm")
    for index, (stage, shape) in enumerate(zip(arch.stages, arch.map_shapes, strict=True)):
        if index:
            theirs, ours = f"layers.{index - 1}.downsample", f"stages.{index}.downsample"
            keys.layer(f"{theirs}.norm", f"{ours}.norm")
            keys.layer(f"{theirs}.reduction", f"{ours}.reduction", bias=False)
        for position, block in enumerate(stage.pattern):
            theirs = f"layers.{index}.blocks.{position}"
            _block(keys, theirs, f"stages.{index}.blocks.{position}", block, shape)
    keys.layer("norm", "head.norm")
    keys.layer("head", "head.classifier")
    return keys


def _block(keys: KeyMap, theirs: str, ours: str, block: Block, shape: tuple[int, int]) -> None:
    attention = block.attention
    assert isinstance(attention, WindowAttention)
    keys.layer(f"{theirs}.norm1", f"{ours}.attention.norm")
    keys.layer(f"{theirs}.attn.qkv", f"{ours}.attention.qkv", bias=attention.qkv_bias)
    keys.layer(f"{theirs}.attn.proj", f"{ours}.attention.proj")
    keys.relative_bias(
        f"{theirs}.attn.relative_position_bias_table", f"{ours}.attention.relative_bias.table"
    )
    positions = attention.window_size**2
    keys.tables[f"{theirs}.attn.relative_position_index"] = (positions, positions)
    if attention.shift:
        windows = prod(-(-side // attention.window_size) for side in shape)
        keys.tables[f"{theirs}.attn_mask"] = (windows, positions, positions)
    keys.ffn(theirs, f"{ours}.ffn", block.ffn, norm="norm2", residual="conv")


_DOWNSAMPLE = re.compile(r"layers\.(\d+)\.downsample\.")


def _moved(key: str, by: int) -> str:
    return _DOWNSAMPLE.sub(lambda found: f"layers.{int(found[1]) + by}.downsample.", key)


def _is_timm(keys: Collection[str]) -> bool:
    """Return whether the last stage has a downsampling, which is the first's in official keys."""
    stages = [int(found[1]) for key in keys if (found := re.match(r"layers\.(\d+)\.", key))]
    own = [int(found[1]) for key in keys if (found := _DOWNSAMPLE.match(key))]
    return any(key.startswith("head.fc.") for key in keys) or (
        bool(own) and max(own) == max(stages)
    )


#: timm counts a downsampling to the stage that it opens, the official code to the one it ends
_TIMM = Spelling(
    "timm",
    _is_timm,
    lambda key: _moved(key, -1).replace("head.fc.", "head."),
    lambda key: re.sub(r"^head\.", "head.fc.", _moved(key, 1)),
)

SWIN = Family(
    "Swin",
    "layers.0.blocks.0.attn.relative_position_bias_table",
    _infer,
    _key_map,
    (_TIMM,),
)
