"""The drawing of a network in words: stem, stages with their blocks, head."""

from typing import Any

from archsearch.arch import Arch, Block, NeckHead, PatchStem, Spec, Stage


def stem_words(arch: Arch) -> str:
    """Return the stem, e.g. ``conv stem, stride 2``."""
    if isinstance(arch.stem, PatchStem):
        return f"{arch.stem.patch_size} x {arch.stem.patch_size} patches"
    return f"{_words(arch.stem)} stem, stride {arch.stem_stride}"


def head_words(arch: Arch) -> str:
    """Return the head, e.g. ``neck 256, 10 classes``."""
    neck = f"neck {arch.head.width}, " if isinstance(arch.head, NeckHead) else ""
    return f"{neck}{arch.num_classes} classes"


def stage_words(stage: Stage) -> tuple[str, str]:
    """Return how the stage begins and where its positions come from; empty for not at all."""
    down = "" if stage.downsample is None else _words(stage.downsample)
    position = _words(stage.position)
    return down, "" if position == "none" else f"{position} position"


def block_view(block: Block) -> dict[str, Any]:
    """Return what the drawing shows of one block of a canonical stage.

    Keys: ``before`` (sub-blocks ahead of the attention), ``attention``, ``detail`` and ``ffn`` in
    words; ``pattern``, how the attention covers
    the map (``all``, ``windows``, ``samples`` or ``reduced``), with ``size``, the side of one
    cell in tokens, and ``tokens``, extra tokens beside the map.
    """
    drawing = block.attention.drawing()
    return {
        "attention": block.attention.words(),
        "detail": drawing.detail,
        "ffn": block.ffn.view(),
        "before": _before(block),
        "pattern": drawing.pattern,
        "size": drawing.size,
        "tokens": drawing.tokens,
    }


def _before(block: Block) -> str:
    """Name the sub-blocks ahead of the attention."""
    parts = {"inner": "pixel transformer", "local_aggregation": "local aggregation"}
    return ", ".join(name for key, name in parts.items() if getattr(block, key, None) is not None)


def _words(spec: Spec) -> str:
    return str(getattr(spec, "type", "")).replace("_", " ")
