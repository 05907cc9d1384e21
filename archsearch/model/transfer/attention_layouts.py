"""Layouts of the attentions: rows of fused projections go by query, key and value, and by head."""

from collections.abc import Callable
from typing import Any

from archsearch.model.transfer.layer_layouts import (
    Layouts,
    heads_of,
    kernel_of,
    linear_of,
    norm_of,
    parts_of,
    qkv_of,
    width_of,
)
from archsearch.model.transfer.tensor_layout import Dim, Rule


def _bias_table(module: Any, rule: Rule) -> Layouts:
    bias = module.relative_bias
    if bias is None:
        return {}
    rows, columns = bias.size
    grid = (Dim(2 * rows - 1, "rows", rule), Dim(2 * columns - 1, "columns", rule))
    return {"relative_bias.table": (Dim(bias.table.shape[0], "heads", "lead"), *grid)}


def _plain_attention(module: Any, rule: Rule) -> Layouts:
    dim = module.proj.weight.shape[0]
    width, heads = width_of(dim), heads_of(module.num_heads, dim)
    return {
        **norm_of("norm", width),
        **qkv_of("qkv", 3, heads, width),
        **linear_of("proj", width, heads),
        **_bias_table(module, rule),
    }


def _self_attention(module: Any) -> Layouts:
    return _plain_attention(module, "offsets")


def _window(module: Any) -> Layouts:
    return _plain_attention(module, "window_offsets")


def _window_global(module: Any) -> Layouts:
    dim = module.proj.weight.shape[0]
    width, heads = width_of(dim), heads_of(module.num_heads, dim)
    # global tokens that aggregated are outputs of heads, others are channels of the map
    inputs = heads if module.aggregation else width
    return {**_plain_attention(module, "window_offsets"), **qkv_of("kv_global", 2, heads, inputs)}


def _sparse_global(module: Any) -> Layouts:
    dim = module.proj.weight.shape[0]
    heads = heads_of(module.num_heads, dim)
    down, across = module.sample_rate
    patch = (Dim(down, "rows of a patch"), Dim(across, "columns of a patch"))
    return {
        **_plain_attention(module, "offsets"),
        "local_propagation.weight": (*patch, *heads),
        "local_propagation.bias": heads,
        **norm_of("propagation_norm", heads),
    }


def _separable(module: Any) -> Layouts:
    """Heads as wide as there: their outputs are added to the channels of the map."""
    dim = module.proj.weight.shape[0]
    width, heads = width_of(dim), heads_of(module.num_heads, dim, "equal")
    layouts = {
        **norm_of("norm", width),
        **qkv_of("qkv", 3, heads, width),
        **norm_of("token_norm", width),
        **linear_of("qk_pointwise", (*parts_of(2, "queries and keys"), *heads), width),
        **linear_of("proj", width, width),
        **_bias_table(module, "window_offsets"),
    }
    tokens = getattr(module, "window_tokens", None)
    if tokens is not None:
        rows, columns = tokens.shape[:2]
        grid = (Dim(rows, "rows", "windows"), Dim(columns, "columns", "windows"))
        layouts["window_tokens"] = (*grid, *width)
    return layouts


def _spatial_reduction(module: Any) -> Layouts:
    dim = module.proj.weight.shape[0]
    width, heads = width_of(dim), heads_of(module.num_heads, dim)
    return {
        **norm_of("norm", width),
        **linear_of("q", heads, width),
        **linear_of("reduce", width, width, kernel_of(module.reduce.weight)),
        **norm_of("reduce_norm", width),
        **qkv_of("kv", 2, heads, width),
        **linear_of("proj", width, heads),
    }


#: by the names of their classes
ATTENTIONS: dict[str, Callable[[Any], Layouts]] = {
    "SelfAttention": _self_attention,
    "WindowAttention": _window,
    "WindowGlobalAttention": _window_global,
    "SparseGlobalAttention": _sparse_global,
    "SeparableAttention": _separable,
    "SingleGroupAttention": _separable,
    "SpatialReductionAttention": _spatial_reduction,
}
