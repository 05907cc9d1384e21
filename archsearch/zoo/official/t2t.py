"""T2T-ViT's checkpoints, and LocalViT-T2T's."""

import re

from archsearch.arch import Arch, Ffn, LocalityFfn, Mlp, TokensToTokenStem
from archsearch.zoo.official.deit import plain_block_keys, plain_blocks, plain_stage_keys
from archsearch.zoo.official.family import Family, Spelling
from archsearch.zoo.official.key_map import KeyMap
from archsearch.zoo.official.shapes import ShapeError, Shapes, heads_like

_STEM = "tokens_to_token.attention"


def _infer(shapes: Shapes, like: Arch) -> Arch:
    if not isinstance(like.stem, TokensToTokenStem):
        raise ShapeError(_STEM)
    token_width = shapes.size(f"{_STEM}1.proj.weight", 0)
    width = shapes.size("tokens_to_token.project.weight", 0)
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
    stem = like.stem.model_copy(
        update={
            "width": token_width,
            "num_features": shapes.size(f"{_STEM}1.w", 0),
            "ffn": _infer_ffn(shapes, token_width, like.stem.ffn),
        }
    )
    return like.model_copy(
        update={
            "image_size": shapes.square_side("pos_embed", 1, extra=1) * stem.stride,
            "in_channels": shapes.size(f"{_STEM}1.kqv.weight", 1) // 49,
            "num_classes": shapes.size("head.weight", 0),
            "stem": stem,
            "stages": (stage,),
        }
    )


def _infer_ffn(shapes: Shapes, width: int, like: Ffn) -> Ffn:
    if f"{_STEM}1.mlp.0.weight" in shapes:
        return Mlp(expansion=shapes.size(f"{_STEM}1.mlp.0.weight", 0) / width)
    return shapes.ffn(f"{_STEM}1", width, like)


def _key_map(arch: Arch) -> KeyMap:
    keys = KeyMap()
    assert isinstance(arch.stem, TokensToTokenStem)
    for number in (1, 2):
        _performer(keys, number, arch.stem.ffn)
    keys.layer("tokens_to_token.project", "stem.proj")
    plain_stage_keys(keys, arch, "pos_embed")
    for index, block in enumerate(arch.stages[0].pattern):
        plain_block_keys(keys, f"blocks.{index}", f"stages.0.blocks.{index}", block)
    return keys


def _performer(keys: KeyMap, number: int, ffn: Ffn) -> None:
    theirs, ours = f"{_STEM}{number}", f"stem.attention{number}"
    keys.layer(f"{theirs}.norm1", f"{ours}.norm")
    keys.layer(f"{theirs}.kqv", f"{ours}.kqv")
    keys.layer(f"{theirs}.proj", f"{ours}.proj")
    keys.same(f"{theirs}.w", f"{ours}.features")
    if isinstance(ffn, LocalityFfn):
        keys.layer(f"{theirs}.norm2", f"stem.idle_norm{number}")
        keys.ffn(theirs, f"stem.ffn{number}", ffn, norm="norm2", residual="conv")
    else:
        keys.layer(f"{theirs}.norm2", f"stem.ffn{number}.norm")
        keys.layer(f"{theirs}.mlp.0", f"stem.ffn{number}.fc1")
        keys.layer(f"{theirs}.mlp.2", f"stem.ffn{number}.fc2")


_SEQUENCE = re.compile(rf"({re.escape(_STEM)}\d\.mlp\.)([02])\.")
_NAMED = re.compile(rf"({re.escape(_STEM)}\d\.mlp\.)(fc[12])\.")
_NAMES = {"0": "fc1", "2": "fc2"}
_INDICES = {name: index for index, name in _NAMES.items()}
#: a performer's MLP is a sequence in the code of T2T-ViT, a module in LocalViT's copy of it
_LOCALVIT = Spelling(
    "LocalViT",
    lambda keys: any(_NAMED.match(key) for key in keys),
    lambda key: _NAMED.sub(lambda found: f"{found[1]}{_INDICES[found[2]]}.", key),
    lambda key: _SEQUENCE.sub(lambda found: f"{found[1]}{_NAMES[found[2]]}.", key),
)

T2T = Family("T2T-ViT", "tokens_to_token.project.weight", _infer, _key_map, (_LOCALVIT,))
