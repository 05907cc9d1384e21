"""The known runtimes, by the name that a protocol and a result carry."""

from collections.abc import Callable

import torch
from torch import nn

from archsearch.cost.runtimes.cuda_graph import prepare_cuda_graph
from archsearch.cost.runtimes.extra import check_extra
from archsearch.cost.runtimes.onnx import prepare_onnxruntime
from archsearch.cost.runtimes.openvino import prepare_openvino
from archsearch.cost.runtimes.torch_compiled import prepare_compiled
from archsearch.cost.runtimes.torch_eager import prepare_eager
from archsearch.errors import InputError, Problem, nearest

#: (model, inputs, threads) -> one inference
Prepare = Callable[[nn.Module, torch.Tensor, int], Callable[[], object]]

RUNTIMES: dict[str, Prepare] = {
    "compiled": prepare_compiled,
    "cuda_graph": prepare_cuda_graph,
    "eager": prepare_eager,
    "onnxruntime": prepare_onnxruntime,
    "openvino": prepare_openvino,
}

#: packages of a runtime, with the extra of ours that brings them
_PACKAGES = {
    "onnxruntime": (("onnxruntime", "onnx"), ("onnx", "onnx"), ("onnxscript", "onnx")),
    "openvino": (("openvino", "openvino"),),
}

#: runtimes that return only when the result is there, on any device
WAITING = frozenset({"onnxruntime", "openvino"})


def prepare(
    runtime: str, model: nn.Module, inputs: torch.Tensor, threads: int = 1
) -> Callable[[], object]:
    """Return one inference of ``model`` on ``inputs`` by the named runtime.

    Raises:
        InputError: there is no such runtime, or it cannot run here.
        TrialError: the runtime cannot take this network.
    """
    check_runtime(runtime, inputs.device.type)
    # exporters trace views, which inference mode forbids; compilers specialise on the mode
    with torch.no_grad() if runtime in WAITING else torch.inference_mode():
        return RUNTIMES[runtime](model, inputs, threads)


def check_runtime(runtime: str, device: str) -> None:
    """Refuse a runtime that cannot measure on ``device`` here, before anything is built.

    Args:
        runtime: its name.
        device: ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        InputError: there is no such runtime, its packages are not installed, or it measures on
            other devices.
    """
    if runtime not in RUNTIMES:
        raise InputError(
            Problem("runtime", "must be a known runtime", runtime, nearest(runtime, RUNTIMES))
        )
    on_cuda = device.startswith("cuda")
    if runtime == "cuda_graph" and not on_cuda:
        rule = f"cuda_graph needs a CUDA device, and the device is {device}"
        raise InputError(Problem("runtime", rule, remedy="use eager"))
    if runtime == "openvino" and on_cuda:
        rule = f"openvino measures on cpu only, and the device is {device}"
        raise InputError(Problem("runtime", rule, remedy="use --device cpu"))
    for package, extra in _PACKAGES.get(runtime, ()):
        check_extra(package, extra, runtime)
