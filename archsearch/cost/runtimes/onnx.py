"""ONNX Runtime."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from archsearch.cost.runtimes.extra import load_extra
from archsearch.cost.runtimes.onnx_graph import write_onnx
from archsearch.errors import InputError, Problem


def prepare_onnxruntime(
    model: nn.Module, inputs: torch.Tensor, threads: int
) -> Callable[[], object]:
    """Export the network to ONNX; return one inference by ONNX Runtime, copies of input included.

    Raises:
        InputError: onnxruntime or what the export needs is not installed, or it was built
            without support for the device or type.
        TrialError: the network cannot be exported; names the operator.
    """
    onnxruntime = load_extra("onnxruntime", "onnx", "onnxruntime")
    for package in ("onnx", "onnxscript"):
        load_extra(package, "onnx", "onnxruntime")
    provider, settings = provider_for(inputs.device)
    if provider not in onnxruntime.get_available_providers():
        raise InputError(
            Problem(
                "runtime",
                f"the installed onnxruntime has no {provider}",
                None,
                "pip install onnxruntime-gpu, or use device: cpu",
            )
        )
    images = _array(inputs)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    with tempfile.TemporaryDirectory(prefix="archsearch-") as folder:
        file = Path(folder) / "model.onnx"
        write_onnx(model, inputs, file)
        try:
            session = onnxruntime.InferenceSession(
                str(file), options, providers=[(provider, settings)]
            )
        except Exception as error:
            if "NOT_IMPLEMENTED" not in str(error) and "NotImplemented" not in repr(error):
                raise
            raise InputError(
                Problem(
                    "dtype",
                    f"is not supported by onnxruntime on {inputs.device.type} ({error})",
                    str(inputs.dtype).removeprefix("torch."),
                )
            ) from None
    feed = {session.get_inputs()[0].name: images}

    def run() -> object:
        return session.run(None, feed)

    return run


def provider_for(device: torch.device) -> tuple[str, dict[str, Any]]:
    """Return the execution provider for a device, and its settings."""
    if device.type == "cuda":
        return "CUDAExecutionProvider", {"device_id": device.index or 0}
    return "CPUExecutionProvider", {}


def _array(inputs: torch.Tensor) -> Any:
    if inputs.dtype == torch.bfloat16:
        raise InputError(
            Problem(
                "dtype", "bfloat16 is not supported by onnxruntime", None, "use float32 or float16"
            )
        )
    return inputs.detach().contiguous().cpu().numpy()
