"""OpenVINO, on the CPU."""

from collections.abc import Callable

import torch
from torch import nn

from archsearch.cost.runtimes.extra import load_extra
from archsearch.cost.runtimes.onnx_graph import named_operator
from archsearch.errors import TrialError

_PRECISIONS = {torch.float32: "f32", torch.bfloat16: "bf16", torch.float16: "f16"}


def prepare_openvino(model: nn.Module, inputs: torch.Tensor, threads: int) -> Callable[[], object]:
    """Convert the network; return one inference by OpenVINO.

    The precision is always stated: left alone, OpenVINO computes a float32 network in bfloat16
    where the processor has it.

    Raises:
        InputError: openvino is not installed.
        TrialError: the network cannot be converted; names the operator where it is known.
    """
    openvino = load_extra("openvino", "openvino", "openvino")
    dtype, images = inputs.dtype, inputs.float().contiguous()
    try:
        converted = openvino.convert_model(model.float(), example_input=images)
    except Exception as error:
        raise TrialError(
            f"the network cannot be converted to OpenVINO{named_operator(error)}: {error}"
        ) from error
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": _PRECISIONS[dtype],
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = openvino.Core().compile_model(converted, "CPU", settings).create_infer_request()
    feed = [images.numpy()]

    def run() -> object:
        return request.infer(feed)

    return run
