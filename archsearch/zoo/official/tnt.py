"""TNT's checkpoints, and LocalViT-TNT's."""

from archsearch.arch import Arch, Block, PixelStem, PixelTransformer, SelfAttention
from archsearch.zoo.official.deit import plain_stage_keys
from archsearch.zoo.official.family import Family
from archsearch.zoo.official.key_map import KeyMap
from archsearch.zoo.official.shapes import ShapeError, Shapes, heads_like

#: heads among pixels of TNT-S and TNT-B; TNT-T, with 12 channels a pixel, has 3
_PIXEL_HEADS = 4


def _infer(shapes: Shapes, like: Arch) -> Arch:
    pixel_size = (shapes.size("pixel_embed.proj.weight", 2) + 1) // 2
    # the later code has norms over whole patches, and convolves each patch alone; no shape tells
    # the latter, but the two came together
    patch_norm = shapes.any_has(".norm2_proj.weight")
    stem = PixelStem(
        patch_size=shapes.size("pixel_pos", 2) * pixel_size,
        width=shapes.size("pixel_embed.proj.weight", 0),
        pixel_size=pixel_size,
        patchwise=patch_norm,
    )
    width = shapes.size("proj.weight", 0)
    pattern = like.stages[0].pattern
    blocks = []
    for index in range(shapes.count("blocks.#.")):
        same = pattern[min(index, len(pattern) - 1)]
        if same.inner is None or not isinstance(like.stem, PixelStem):
            raise ShapeError("pixel_pos")
        heads = same.inner.num_heads
        if stem.width != like.stem.width and stem.width % _PIXEL_HEADS == 0:
            heads = _PIXEL_HEADS
        blocks.append(_infer_block(shapes, f"blocks.{index}", width, stem, same, heads))
    stage = like.stages[0].model_copy(
        update={
            "depth": len(blocks),
            "width": width,
            "num_heads": heads_like(like.stages[0], width),
            "head_dim": None,
            "blocks": tuple(blocks),
        }
    )
    return like.model_copy(
        update={
            "image_size": shapes.square_side("patch_pos", 1, extra=1) * stem.patch_size,
            "in_channels": shapes.size("pixel_embed.proj.weight", 1),
            "num_classes": shapes.size("head.weight", 0),
            "stem": stem,
            "stages": (stage,),
        }
    )


def _infer_block(
    shapes: Shapes, block: str, width: int, stem: PixelStem, like: Block, heads: int
) -> Block:
    return Block(
        attention=SelfAttention(qkv_bias=shapes.any_has(".attn_out.qk.bias")),
        ffn=shapes.ffn(block, width, like.ffn),
        inner=PixelTransformer(
            num_heads=heads,
            expansion=shapes.size(f"{block}.mlp_in.fc1.weight", 0) / stem.width,
            qkv_bias=shapes.any_has(".attn_in.qk.bias"),
            patch_norm=stem.patchwise,
        ),
    )


def _key_map(arch: Arch) -> KeyMap:
    keys = KeyMap()
    stem = arch.stem
    assert isinstance(stem, PixelStem)
    side = stem.patch_size // stem.pixel_size
    keys.changed(
        "pixel_pos",
        "stem.pixel_position_table",
        lambda x: x.flatten(2)[0].t(),
        lambda x: x.t().reshape(1, stem.width, side, side),
    )
    keys.layer("pixel_embed.proj", "stem.pixel_conv")
    keys.layer("norm1_proj", "stem.norm1")
    keys.layer("proj", "stem.proj")
    keys.layer("norm2_proj", "stem.norm2")
    plain_stage_keys(keys, arch, "patch_pos")
    for index, block in enumerate(arch.stages[0].pattern):
        _block(keys, index, block, stem.width, arch.stages[0].width)
    return keys


def _block(keys: KeyMap, index: int, block: Block, pixel_width: int, width: int) -> None:
    theirs, ours = f"blocks.{index}", f"stages.0.blocks.{index}"
    inner = f"stages.0.inner.{index}"
    assert isinstance(block.attention, SelfAttention)
    assert block.inner is not None
    keys.layer(f"{theirs}.norm_in", f"{inner}.attention_norm")
    _qk_and_v(keys, f"{theirs}.attn_in", f"{inner}.qkv", pixel_width, block.inner.qkv_bias)
    keys.layer(f"{theirs}.attn_in.proj", f"{inner}.attention_proj")
    keys.layer(f"{theirs}.norm_mlp_in", f"{inner}.mlp_norm")
    keys.layer(f"{theirs}.mlp_in.fc1", f"{inner}.fc1")
    keys.layer(f"{theirs}.mlp_in.fc2", f"{inner}.fc2")
    keys.layer(f"{theirs}.norm1_proj", f"{inner}.norm")
    keys.layer(f"{theirs}.proj", f"{inner}.proj", bias=not block.inner.patch_norm)
    if block.inner.patch_norm:
        keys.layer(f"{theirs}.norm2_proj", f"{inner}.update_norm")
    keys.layer(f"{theirs}.norm_out", f"{ours}.attention.norm")
    _qk_and_v(keys, f"{theirs}.attn_out", f"{ours}.attention.qkv", width, block.attention.qkv_bias)
    keys.layer(f"{theirs}.attn_out.proj", f"{ours}.attention.proj")
    keys.ffn(theirs, f"{ours}.ffn", block.ffn, norm="norm_mlp", residual="conv")


def _qk_and_v(keys: KeyMap, theirs: str, ours: str, width: int, bias: bool) -> None:
    for name in ("weight", "bias") if bias else ("weight",):
        keys.joined((f"{theirs}.qk.{name}", f"{theirs}.v.{name}"), f"{ours}.{name}", 2 * width)


TNT = Family("TNT", "pixel_pos", _infer, _key_map)
