"""OpenVINO, on the CPU."""

from typing import Any

import torch
from torch import nn

from archsearch.cost.runtimes.extra import load_extra
from archsearch.cost.runtimes.inference import Inference
from archsearch.cost.runtimes.openvino_layers import fallbacks_of
from archsearch.cost.runtimes.operator_place import explained
from archsearch.errors import TrialError

_PRECISIONS = {torch.float32: "f32", torch.bfloat16: "bf16", torch.float16: "f16"}


def prepare_openvino(model: nn.Module, inputs: torch.Tensor, threads: int) -> Inference:
    """Convert the network; return one inference by OpenVINO.

    The precision is always stated: left alone, OpenVINO computes a float32 network in bfloat16
    where the processor has it.

    Raises:
        InputError: openvino is not installed.
        TrialError: the network cannot be converted; names the operator where it is known.
    """
    openvino = load_extra("openvino", "openvino", "openvino")
    dtype, images = inputs.dtype, inputs.float().contiguous()
    settings = compile_settings(threads, _PRECISIONS[dtype])
    compiled = openvino.Core().compile_model(
        convert_openvino(model.float(), images), "CPU", settings
    )
    request = compiled.create_infer_request()
    feed = [images.numpy()]

    def run() -> object:
        return request.infer(feed)

    return Inference(run, fallbacks_of(compiled))


def convert_openvino(model: nn.Module, images: torch.Tensor) -> Any:
    """Return the network as OpenVINO's, for images of the shape of ``images`` alone.

    Raises:
        TrialError: the network cannot be converted; names the operator where it is known.
    """
    openvino = load_extra("openvino", "openvino", "openvino")
    try:
        return openvino.convert_model(model, example_input=images, input=[list(images.shape)])
    except Exception as error:
        why = explained("the network cannot be converted to OpenVINO", error, model, images)
        raise TrialError(why) from error


def compile_settings(threads: int, precision: str) -> dict[str, object]:
    """Return the settings of every compilation: one stream, and the precision that is asked for."""
    return {
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": precision,
        "PERFORMANCE_HINT": "LATENCY",
    }
