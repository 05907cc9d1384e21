"""A network as its drawing shows it: stem, stages with their blocks, head, in short words."""

from typing import Any

from archsearch.arch import (
    Arch,
    AttentionSpec,
    Block,
    FfnSpec,
    LocalityFfn,
    NeckHead,
    PatchStem,
    SeparableAttention,
    SparseGlobalAttention,
    SpatialReductionAttention,
    Spec,
    Stage,
    WindowAttention,
    WindowGlobalAttention,
)


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
    attention = block.attention
    size, detail, pattern, tokens = 1, "", "all", 0
    match attention:
        case WindowGlobalAttention():
            size, pattern, tokens = attention.window_size, "windows", attention.global_tokens
            detail = f"window {size}, {tokens} tokens"
            off = [word for word in ("aggregation", "broadcast") if not getattr(attention, word)]
            detail += "".join(f", no {word}" for word in off)
        case WindowAttention():
            size, pattern = attention.window_size, "windows"
            detail = f"window {size}" + (", shifted" if attention.shift else "")
        case SparseGlobalAttention():
            size, pattern = attention.sample_rate, "samples"
            detail = f"r {size}, {attention.sampler.replace('_', ' ')}"
        case SeparableAttention():
            size, pattern = attention.group_size, "windows"
            detail = f"window {size}" + ("" if attention.pointwise else ", no pointwise")
        case SpatialReductionAttention():
            size, pattern = attention.reduction, "reduced"
            detail = f"r {size}"
    return {
        "attention": _words(attention),
        "detail": detail,
        "ffn": _ffn(block.ffn),
        "before": _before(block),
        "pattern": pattern,
        "size": size,
        "tokens": tokens,
    }


def _before(block: Block) -> str:
    """Name the sub-blocks ahead of the attention."""
    parts = {"inner": "pixel transformer", "local_aggregation": "local aggregation"}
    return ", ".join(name for key, name in parts.items() if getattr(block, key, None) is not None)


def _words(spec: Spec | AttentionSpec | FfnSpec) -> str:
    return str(getattr(spec, "type", "")).replace("_", " ")


def _ffn(spec: FfnSpec) -> str:
    name = _words(spec).replace("bi dimensional", "bi-dimensional").replace("mlp", "MLP")
    gate = ""
    if isinstance(spec, LocalityFfn) and spec.gate.type != "none":
        gate = f" + {spec.gate.type.upper()}"
    return f"{name}{gate} x{spec.expansion:g}"
