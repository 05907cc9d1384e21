"""ONNX Runtime."""

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from archsearch.cost.runtimes.extra import load_extra
from archsearch.errors import InputError, Problem, TrialError


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
    provider = "CUDAExecutionProvider" if inputs.device.type == "cuda" else "CPUExecutionProvider"
    if provider not in onnxruntime.get_available_providers():
        raise InputError(
            Problem(
                "runtime",
                f"this onnxruntime has no {provider}",
                "onnxruntime",
                "pip install onnxruntime-gpu, or use device: cpu",
            )
        )
    images = _array(inputs)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    with tempfile.TemporaryDirectory(prefix="archsearch-") as folder:
        file = Path(folder) / "model.onnx"
        _export(model, inputs, file)
        try:
            session = onnxruntime.InferenceSession(str(file), options, providers=[provider])
        except Exception as error:
            if "NOT_IMPLEMENTED" not in str(error) and "NotImplemented" not in repr(error):
                raise
            raise InputError(
                Problem(
                    "dtype",
                    f"not supported by onnxruntime on {inputs.device.type} ({error})",
                    str(inputs.dtype).removeprefix("torch."),
                )
            ) from None
    feed = {session.get_inputs()[0].name: images}

    def run() -> object:
        return session.run(None, feed)

    return run


def _export(model: nn.Module, inputs: torch.Tensor, file: Path) -> None:
    try:
        torch.onnx.export(model, (inputs,), str(file), dynamo=True, verbose=False)
    except Exception as error:
        raise TrialError(
            f"the network cannot be exported to ONNX{named_operator(error)}: {_first_line(error)}"
        ) from error


def named_operator(error: BaseException) -> str:
    """Return `` because of operator X`` if the error, or one it came from, names one."""
    seen: BaseException | None = error
    while seen is not None:
        found = re.search(r"\b(?:aten|torchvision|prims)(?:\.|::)\w+(?:\.\w+)?", str(seen))
        if found:
            return f" because of operator {found.group().replace('::', '.')}"
        seen = seen.__cause__ or seen.__context__
    return ""


def _first_line(error: BaseException) -> str:
    """Return the first line of what an error started from."""
    while (origin := error.__cause__ or error.__context__) is not None:
        error = origin
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def _array(inputs: torch.Tensor) -> Any:
    if inputs.dtype == torch.bfloat16:
        raise InputError(
            Problem("dtype", "not supported by onnxruntime", "bfloat16", "use float32 or float16")
        )
    return inputs.detach().contiguous().cpu().numpy()
