"""Every attention and FFN of the library, as factories over (dim, heads, map side)."""

from collections.abc import Callable

from torch import nn

from archsearch import blocks

DIM, HEADS, SIDE = 8, 2, 7
#: a map with fewer rows than some windows have
NARROW = (3, 8)

Factory = Callable[[], nn.Module]


def _attention(kind: type[nn.Module], *sizes: int, **options: object) -> Factory:
    return lambda: kind(DIM, HEADS, SIDE, *sizes, **options)


def _narrow(kind: type[nn.Module], *sizes: object, **options: object) -> Factory:
    return lambda: kind(DIM, HEADS, NARROW, *sizes, **options)


SEES_TOKENS: dict[str, Factory] = {
    "self_attention": _attention(blocks.SelfAttention),
    "self_attention_bias": _attention(blocks.SelfAttention, relative_bias=True, qkv_bias=False),
    "window_global": _attention(blocks.WindowGlobalAttention, 3, relative_bias=True),
    "window_global_skip": _attention(blocks.WindowGlobalAttention, 3, skip_tokens=1),
    "window_global_tiled": _attention(blocks.WindowGlobalAttention, 7, qkv_bias=False),
    "broadcast_only": _attention(blocks.WindowGlobalAttention, 3, aggregation=False),
    "sparse_top_left": _attention(blocks.SparseGlobalAttention, 2),
    "sparse_center": _attention(blocks.SparseGlobalAttention, 3, sampler="center"),
    "sparse_average": _attention(blocks.SparseGlobalAttention, 2, sampler="average"),
    "sparse_max": _attention(blocks.SparseGlobalAttention, 2, sampler="max", relative_bias=True),
    "sparse_bilinear": _attention(blocks.SparseGlobalAttention, 2, propagation="bilinear"),
    "sparse_nearest": _attention(blocks.SparseGlobalAttention, 2, propagation="nearest"),
    "sparse_none": _attention(
        blocks.SparseGlobalAttention, 3, sampler="center", propagation="none"
    ),
    "spatial_reduction": lambda: blocks.SpatialReductionAttention(DIM, HEADS, 2),
}

LEAVES_TOKENS: dict[str, Factory] = {
    "window": _attention(blocks.WindowAttention, 3, relative_bias=True),
    "window_shift": _attention(blocks.WindowAttention, 3, shift=True, relative_bias=True),
    "window_tiled": _attention(blocks.WindowAttention, 7, qkv_bias=False),
    "local_only": _attention(blocks.WindowGlobalAttention, 3, aggregation=False, broadcast=False),
    "separable": _attention(blocks.SeparableAttention, 3),
    "separable_zero": _attention(blocks.SeparableAttention, 3, window_token="zero"),
    "separable_average": _attention(
        blocks.SeparableAttention, 3, window_token="average", relative_bias=True
    ),
    "separable_conv": _attention(blocks.SeparableAttention, 3, window_token="depthwise_conv"),
    "separable_bias": _attention(blocks.SeparableAttention, 4, relative_bias=True),
    "depthwise_only": _attention(blocks.SeparableAttention, 3, pointwise=False),
    "single_group": _attention(blocks.SingleGroupAttention, relative_bias=True),
}

#: aggregated tokens take part, but image tokens do not see them
AGGREGATES_ONLY: dict[str, Factory] = {
    "aggregation_only": _attention(blocks.WindowGlobalAttention, 3, broadcast=False),
}

ATTENTIONS = {**SEES_TOKENS, **LEAVES_TOKENS, **AGGREGATES_ONLY}

FFNS: dict[str, Factory] = {
    "mlp": lambda: blocks.Mlp(DIM, 16),
    "bi_dimensional": lambda: blocks.BiDimensionalFfn(DIM, 16),
    "channel": lambda: blocks.BiDimensionalFfn(DIM, 16, spatial=False),
    "spatial": lambda: blocks.BiDimensionalFfn(DIM, 16, channel=False, reduction=2),
    "locality": lambda: blocks.LocalityFfn(DIM, 16),
    "locality_pointwise": lambda: blocks.LocalityFfn(
        DIM, 16, kernel_size=None, activation=nn.ReLU6
    ),
    "locality_se": lambda: blocks.LocalityFfn(
        DIM, 16, kernel_size=5, gate=blocks.SqueezeExcitation(16, 4)
    ),
    "locality_eca": lambda: blocks.LocalityFfn(DIM, 16, gate=blocks.EfficientChannelAttention(16)),
    "locality_eca_hard": lambda: blocks.LocalityFfn(
        DIM, 16, gate=blocks.EfficientChannelAttention(16, hard=True)
    ),
}

#: made for `NARROW`, windows and patches included
NARROW_ATTENTIONS: dict[str, Factory] = {
    "self_attention": _narrow(blocks.SelfAttention, relative_bias=True),
    "window": _narrow(blocks.WindowAttention, (3, 5), relative_bias=True),
    "window_shift": _narrow(blocks.WindowAttention, (3, 4), shift=True, relative_bias=True),
    "window_shift_both": _narrow(blocks.WindowAttention, 2, shift=True, relative_bias=True),
    "window_global": _narrow(blocks.WindowGlobalAttention, (3, 5), relative_bias=True),
    "sparse_transposed": _narrow(blocks.SparseGlobalAttention, (3, 4), relative_bias=True),
    "sparse_center": _narrow(blocks.SparseGlobalAttention, (3, 5), sampler="center"),
    "sparse_average": _narrow(blocks.SparseGlobalAttention, (3, 5), sampler="average"),
    "sparse_max": _narrow(blocks.SparseGlobalAttention, (1, 3), sampler="max"),
    "sparse_bilinear": _narrow(blocks.SparseGlobalAttention, (3, 4), propagation="bilinear"),
    "sparse_nearest": _narrow(blocks.SparseGlobalAttention, (3, 5), propagation="nearest"),
    "sparse_none": _narrow(
        blocks.SparseGlobalAttention, (3, 5), sampler="center", propagation="none"
    ),
    "separable": _narrow(blocks.SeparableAttention, (3, 4), relative_bias=True),
    "separable_padded": _narrow(blocks.SeparableAttention, (3, 5), window_token="average"),
    "separable_conv": _narrow(blocks.SeparableAttention, (3, 5), window_token="depthwise_conv"),
    "single_group": _narrow(blocks.SingleGroupAttention, relative_bias=True),
    "spatial_reduction": lambda: blocks.SpatialReductionAttention(DIM, HEADS, (3, 4)),
    "spatial_reduction_padded": lambda: blocks.SpatialReductionAttention(DIM, HEADS, (3, 5)),
}

#: modules over (map, extra tokens)
TOKEN_MODULES = {
    **ATTENTIONS,
    **FFNS,
    "learned_position": lambda: blocks.LearnedPosition(DIM, SIDE, class_token=True),
    "block": lambda: blocks.TransformerBlock(
        blocks.SelfAttention(DIM, HEADS, SIDE),
        blocks.Mlp(DIM, 16),
        local_position=blocks.ConditionalPosition(DIM),
        local_aggregation=blocks.LocalAggregation(DIM, 16),
        position=blocks.ConditionalPosition(DIM, 5),
    ),
}

#: modules over a map ``(B, C, H, W)``, with the side of the map that they return
MAP_MODULES: dict[str, tuple[Factory, int]] = {
    "conv_stem_1": (lambda: blocks.ConvStem(DIM, 12, 1), 7),
    "conv_stem_2": (lambda: blocks.ConvStem(DIM, 12, 2), 4),
    "conv_stem_4": (lambda: blocks.ConvStem(DIM, 12, 4), 2),
    "conv_stem_8": (lambda: blocks.ConvStem(DIM, 12, 8), 1),
    "conv_stem_16": (lambda: blocks.ConvStem(DIM, 12, 16), 1),
    "patch_3": (lambda: blocks.PatchEmbedding(DIM, 12, 3, 3), 3),
    "patch_overlapping": (lambda: blocks.PatchEmbedding(DIM, 12, 2, 3), 4),
    "patch_even_kernel": (lambda: blocks.PatchEmbedding(DIM, 12, 2, 4, norm=False), 4),
    "tokens_to_token_4": (
        lambda: blocks.TokensToToken(DIM, 12, 4, 6, 4, (blocks.Mlp(6, 6), blocks.Mlp(6, 6))),
        2,
    ),
    "tokens_to_token_8": (
        lambda: blocks.TokensToToken(
            DIM, 12, 8, 6, 4, (blocks.Mlp(6, 6), blocks.LocalityFfn(6, 6))
        ),
        1,
    ),
    "tokens_to_token_16": (
        lambda: blocks.TokensToToken(DIM, 12, 16, 6, 4, (blocks.Mlp(6, 6), blocks.Mlp(6, 6))),
        1,
    ),
    "merge": (lambda: blocks.Merge(DIM, 12), 4),
    "residual_merge": (lambda: blocks.ResidualMerge(DIM, 12), 4),
    "width_adapter": (lambda: blocks.WidthAdapter(DIM, 12), 7),
}
