"""The multiply-add count as fvcore makes it: what papers and model cards often print."""

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from archsearch.cost.counts import evaluating, example_input
from archsearch.cost.operators import attention_macs

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # fvcore scripts a loss while it is imported
    from fvcore.nn import FlopCountAnalysis


def count_macs_fvcore(model: nn.Module, input_shape: Sequence[int]) -> int:
    """Count one inference by fvcore, taught about scaled-dot-product attention.

    fvcore traces the model, counts a MAC as one, and adds normalisation and interpolation
    layers, which `count_macs` leaves out by convention: DeiT-Ti is 1.258 G here, 1.254 G there.
    """
    with evaluating(model), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer is deprecated; fvcore has no other
        analysis = FlopCountAnalysis(model, example_input(model, input_shape))
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        analysis.tracer_warnings("none")
        analysis.set_op_handle("aten::scaled_dot_product_attention", _attention)
        return int(analysis.total())


def _attention(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    query, key, value = (torch.Size(each.type().sizes()) for each in inputs[:3])
    return attention_macs(query, key, value)
