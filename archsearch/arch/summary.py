"""An architecture in one readable line."""

from archsearch.arch.architecture import Arch, Block, Stage
from archsearch.arch.attention import (
    AttentionSpec,
    SeparableAttention,
    SparseGlobalAttention,
    SpatialReductionAttention,
    WindowAttention,
    WindowGlobalAttention,
)
from archsearch.arch.ffn import FfnSpec, LocalityFfn, Mlp


def summary(arch: Arch) -> str:
    """Return one line such as ``32px conv/2 | 2x32 window_global(w8,t4) bi_dimensional x4 | ...``.

    Stages stand between bars as depth x width, then the attention and FFN of each pattern entry.
    """
    stages = " | ".join(_stage(stage) for stage in arch.canonical().stages)
    return f"{arch.image_size}px {arch.stem.type}/{arch.stem_stride} | {stages}"


def _stage(stage: Stage) -> str:
    return f"{stage.depth}x{stage.width} " + " + ".join(_block(block) for block in stage.blocks)


def _block(block: Block) -> str:
    local = "local+" if block.local_aggregation else ""
    return f"{local}{_attention(block.attention)} {_ffn(block.ffn)}"


def _attention(spec: AttentionSpec) -> str:
    match spec:
        case WindowGlobalAttention():
            return f"window_global(w{spec.window_size},t{spec.global_tokens})"
        case WindowAttention():
            return f"window(w{spec.window_size}{',shift' if spec.shift else ''})"
        case SparseGlobalAttention():
            return f"sparse_global(r{spec.sample_rate})"
        case SeparableAttention():
            return f"separable(w{spec.group_size})"
        case SpatialReductionAttention():
            return f"spatial_reduction(r{spec.reduction})"
    return str(getattr(spec, "type", "attention"))


def _ffn(spec: FfnSpec) -> str:
    times = f"x{spec.expansion:g}"
    match spec:
        case Mlp():
            return f"mlp{times}"
        case LocalityFfn():
            gate = "" if spec.gate.type == "none" else f"+{spec.gate.type}"
            return f"locality{gate}{times}"
    return f"{getattr(spec, 'type', 'ffn')}{times}"
