"""A network as an ONNX graph."""

from pathlib import Path

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from archsearch.cost.runtimes.operator_place import explained
from archsearch.errors import TrialError

#: version of ONNX's operators; ONNX Runtime has it since 1.14
OPSET = 18
# onnxscript 0.7 takes x + c for x where c is at most this: seen with the 1e-8 of performers, whose
# logits were off by 6 % of the largest
_TAKEN_FOR_ZERO = 1e-8


def write_onnx(
    model: nn.Module, images: torch.Tensor, file: Path, *, dynamic_batch: bool = False
) -> None:
    """Write ``model`` as one ONNX file with the input ``images`` and the output ``logits``.

    Args:
        model: in evaluation mode.
        images: an example input; with ``dynamic_batch`` of at least two images.
        file: to write.
        dynamic_batch: let the graph take any number of images.

    Raises:
        TrialError: the network cannot be exported; names the operator.
    """
    batch = {0: torch.export.Dim("batch")} if dynamic_batch else None
    try:
        # other backends are taken apart into views that their results' strides do not allow
        with sdpa_kernel([SDPBackend.MATH]):
            torch.onnx.export(
                model,
                (images,),
                str(file),
                dynamo=True,
                verbose=False,
                external_data=False,
                opset_version=OPSET,
                dynamic_shapes=None if batch is None else (batch,),
                input_names=["images"],
                output_names=["logits"],
                optimize=not _adds_tiny_constants(model),
            )
    except Exception as error:
        why = explained("the network cannot be exported to ONNX", error, model, images)
        raise TrialError(why) from error


def _adds_tiny_constants(model: nn.Module) -> bool:
    """Return whether a module has an epsilon that onnxscript's optimiser would drop."""
    return any(0 < getattr(part, "eps", 1.0) <= _TAKEN_FOR_ZERO for part in model.modules())
