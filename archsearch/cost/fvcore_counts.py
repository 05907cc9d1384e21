"""Multiply-adds as fvcore counts them, the figure that papers and model cards often print."""

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from archsearch.cost.counts import evaluating, example_input
from archsearch.cost.operator_macs import attention_macs

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # fvcore scripts a loss while it is imported
    from fvcore.nn import FlopCountAnalysis


#: operators of fvcore's counts that are products; it counts norms, interpolation and pooling too
PRODUCTS = frozenset(
    {"conv", "addmm", "linear", "matmul", "bmm", "mm", "mv", "dot", "einsum", "attention"}
)


def count_macs_fvcore(model: nn.Module, input_shape: Sequence[int]) -> int:
    """Return the multiply-adds of one inference as fvcore counts them; see `count_by_fvcore`.

    Args:
        model: any module.
        input_shape: ``(B, C, H, W)``.
    """
    return sum(count_by_fvcore(model, input_shape).values())


def count_by_fvcore(model: nn.Module, input_shape: Sequence[int]) -> dict[str, int]:
    """Count one inference by fvcore, operator by operator.

    fvcore traces the model, counts a MAC as one, and adds normalisation, interpolation and pooling,
    which `count_macs` leaves out by convention: DeiT-Ti is 1.258 G here, 1.254 G there. It knows
    nothing of the fused attention; it gets our handle for that (``attention``).
    """
    with evaluating(model), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer is deprecated; fvcore has no other
        analysis = FlopCountAnalysis(model, example_input(model, input_shape))
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        analysis.tracer_warnings("none")
        analysis.set_op_handle("aten::scaled_dot_product_attention", _attention)
        counted = analysis.by_operator()
    named = {"scaled_dot_product_attention": "attention"}
    return {named.get(name, name): int(macs) for name, macs in counted.items() if macs}


def _attention(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    query, key, value = (torch.Size(each.type().sizes()) for each in inputs[:3])
    return attention_macs(query, key, value)
