"""Which operators hold multiply-adds, and how many.

Convention. One multiply-add of a matrix product, a convolution or an attention is one MAC.
An elementwise multiply-add (``addcmul``) is a convolution of one tap and counts as one. Biases,
normalisation, softmax, activations, pooling, interpolation and every other elementwise operation
or reduction hold none: they are on the explicit list below. Anything on neither list is reported
as unsupported, never taken for zero.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch

MacHandle = Callable[[Sequence[Any], Any], int]

aten = torch.ops.aten


def product_macs(left: torch.Size, right: torch.Size) -> int:
    """Return the MACs of ``(..., n, k) @ (..., k, m)``; the batch sizes are those of ``left``."""
    return prod(left) * right[-1]


def convolution_macs(
    inputs: torch.Size, weight: torch.Size, outputs: torch.Size, transposed: bool
) -> int:
    """Return the MACs of a grouped convolution of any rank.

    Every output position of a plain convolution, and every input position of a transposed one,
    meets the whole weight once; grouping is already in the weight's shape.
    """
    positions = inputs if transposed else outputs
    return positions[0] * prod(positions[2:]) * prod(weight)


def attention_macs(query: torch.Size, key: torch.Size, value: torch.Size) -> int:
    """Return the MACs of attention: scores (..., N, S) and their product with the values.

    A mask or a causal attention does not lower the count: the dense products are computed.
    """
    batch, queries, width = prod(query[:-2]), query[-2], query[-1]
    return batch * queries * key[-2] * (width + value[-1])


def _mm(args: Sequence[Any], out: Any) -> int:
    return product_macs(args[0].shape, args[1].shape)


def _addmm(args: Sequence[Any], out: Any) -> int:
    return product_macs(args[1].shape, args[2].shape)


def _matrix_vector(args: Sequence[Any], out: Any) -> int:
    matrix = args[0] if args[0].dim() == 2 else args[1]
    return int(matrix.numel())


def _dot(args: Sequence[Any], out: Any) -> int:
    return int(args[0].numel())


def _convolution(args: Sequence[Any], out: Any) -> int:
    return convolution_macs(args[0].shape, args[1].shape, out.shape, bool(args[6]))


def _linear(args: Sequence[Any], out: Any) -> int:
    return product_macs(args[0].shape, args[1].t().shape)


def _attention(args: Sequence[Any], out: Any) -> int:
    return attention_macs(args[0].shape, args[1].shape, args[2].shape)


#: operator (without overload) -> handle of its arguments and its result
MAC_HANDLES: dict[Any, MacHandle] = {
    aten.mm: _mm,
    aten.bmm: _mm,
    aten.addmm: _addmm,
    aten.baddbmm: _addmm,
    aten.mv: _matrix_vector,
    aten.addmv: lambda args, out: int(args[1].numel()),
    aten.dot: _dot,
    aten.vdot: _dot,
    aten.addcmul: lambda args, out: int(out.numel()),
    aten.convolution: _convolution,
    aten._convolution: _convolution,
    aten._scaled_dot_product_flash_attention: _attention,
    aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    aten._scaled_dot_product_efficient_attention: _attention,
    aten._scaled_dot_product_cudnn_attention: _attention,
    aten._scaled_dot_product_fused_attention_overrideable: _attention,
}

if hasattr(torch.ops.mkldnn, "_linear_pointwise"):
    # what `archsearch.model.use_onednn` calls; builds of PyTorch without oneDNN do not have it
    MAC_HANDLES[torch.ops.mkldnn._linear_pointwise] = _linear

#: operators without multiply-adds by the convention above, beside views and pointwise ones
_ZERO_MAC_NAMES = """
    native_layer_norm native_batch_norm _native_batch_norm_legit
    _native_batch_norm_legit_no_training
    cudnn_batch_norm native_group_norm _fused_rms_norm batch_norm_update_stats
    _batch_norm_with_update _batch_norm_no_update linalg_vector_norm norm
    _softmax _log_softmax _safe_softmax softmax
    mean sum var std var_mean amax amin max min argmax argmin prod any all cumsum topk sort
    logsumexp count_nonzero
    avg_pool1d avg_pool2d avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d
    max_pool2d_with_indices adaptive_max_pool2d max_pool3d_with_indices
    upsample_nearest1d upsample_nearest2d _upsample_nearest_exact2d
    upsample_bilinear2d _upsample_bilinear2d_aa upsample_bicubic2d _upsample_bicubic2d_aa
    clone copy copy_ _to_copy _unsafe_view contiguous cat stack roll flip constant_pad_nd
    reflection_pad2d replication_pad2d pixel_shuffle pixel_unshuffle channel_shuffle
    index select_scatter slice_scatter index_select gather scatter index_put index_put_
    masked_fill masked_fill_ embedding repeat im2col col2im native_dropout
    _reshape_copy view_copy native_channel_shuffle
    empty empty_like empty_strided new_empty new_empty_strided zeros zeros_like new_zeros ones
    ones_like new_ones full full_like new_full arange linspace eye scalar_tensor tril triu
    bernoulli bernoulli_ rand rand_like randn randn_like randperm uniform_ normal_ fill_ zero_
    _local_scalar_dense _unsafe_index lift_fresh set_ resize_ is_same_size as_strided_
    hardswish hardswish_ hardsigmoid hardsigmoid_ hardtanh hardtanh_ gelu gelu_ celu celu_
"""
ZERO_MAC_NAMES = frozenset(_ZERO_MAC_NAMES.split())


def has_no_macs(operator: torch._ops.OpOverload) -> bool:
    """Return whether ``operator`` holds no multiply-adds by the convention of this module."""
    if operator.is_view or torch.Tag.pointwise in operator.tags:
        return True
    return operator.overloadpacket.__name__ in ZERO_MAC_NAMES
