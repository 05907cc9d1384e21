"""The block library: torch modules with flat arguments, one idea a file.

Inside a stage a map is ``(B, H, W, C)`` and extra tokens are ``(B, T, C)``; stems and
downsampling work on ``(B, C, H, W)`` in channels-last memory, of which the former is a view.
"""

from archsearch.blocks.bi_dimensional_ffn import BiDimensionalFfn
from archsearch.blocks.conditional_position import ConditionalPosition
from archsearch.blocks.conv_stem import ConvStem
from archsearch.blocks.drop_path import DropPath
from archsearch.blocks.efficient_channel_attention import EfficientChannelAttention
from archsearch.blocks.extra_tokens import CarriedTokens, LearnedTokens
from archsearch.blocks.head import Head
from archsearch.blocks.initialization import initialize
from archsearch.blocks.learned_position import LearnedPosition
from archsearch.blocks.local_aggregation import LocalAggregation
from archsearch.blocks.locality_ffn import LocalityFfn
from archsearch.blocks.merge import Merge, ResidualMerge
from archsearch.blocks.mlp import Mlp
from archsearch.blocks.patch_embedding import PatchEmbedding
from archsearch.blocks.performer import PerformerAttention
from archsearch.blocks.pixel_stem import PixelStem
from archsearch.blocks.pixel_transformer import PixelTransformer
from archsearch.blocks.relative_bias import RelativeBias
from archsearch.blocks.self_attention import SelfAttention
from archsearch.blocks.separable_attention import SeparableAttention
from archsearch.blocks.single_group_attention import SingleGroupAttention
from archsearch.blocks.sinusoid_position import sinusoid_table
from archsearch.blocks.sparse_global_attention import LocalPropagation, SparseGlobalAttention
from archsearch.blocks.spatial_reduction_attention import SpatialReductionAttention
from archsearch.blocks.squeeze_excitation import SqueezeExcitation
from archsearch.blocks.stage import Stage
from archsearch.blocks.tokens_to_token import TokensToToken
from archsearch.blocks.transformer_block import TransformerBlock
from archsearch.blocks.width_adapter import WidthAdapter
from archsearch.blocks.window_attention import WindowAttention
from archsearch.blocks.window_global_attention import WindowGlobalAttention

__all__ = [
    "BiDimensionalFfn",
    "CarriedTokens",
    "ConditionalPosition",
    "ConvStem",
    "DropPath",
    "EfficientChannelAttention",
    "Head",
    "LearnedPosition",
    "LearnedTokens",
    "LocalAggregation",
    "LocalPropagation",
    "LocalityFfn",
    "Merge",
    "Mlp",
    "PatchEmbedding",
    "PerformerAttention",
    "PixelStem",
    "PixelTransformer",
    "RelativeBias",
    "ResidualMerge",
    "SelfAttention",
    "SeparableAttention",
    "SingleGroupAttention",
    "SparseGlobalAttention",
    "SpatialReductionAttention",
    "SqueezeExcitation",
    "Stage",
    "TokensToToken",
    "TransformerBlock",
    "WidthAdapter",
    "WindowAttention",
    "WindowGlobalAttention",
    "initialize",
    "sinusoid_table",
]
