"""The known runtimes, by the name that a protocol and a result carry."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from archsearch.cost.runtimes.cuda_graph import prepare_cuda_graph
from archsearch.cost.runtimes.extra import check_extra
from archsearch.cost.runtimes.inference import GraphRuntime, Inference
from archsearch.cost.runtimes.litert import prepare_litert
from archsearch.cost.runtimes.litert_int8 import LiteRtInt8
from archsearch.cost.runtimes.onnx import prepare_onnxruntime
from archsearch.cost.runtimes.onnx_int8 import OnnxInt8
from archsearch.cost.runtimes.openvino import prepare_openvino
from archsearch.cost.runtimes.openvino_int8 import OpenVinoInt8
from archsearch.cost.runtimes.torch_compiled import prepare_compiled
from archsearch.cost.runtimes.torch_eager import prepare_eager
from archsearch.errors import InputError, Problem, TrialError, nearest

#: (model, inputs, threads) -> one inference
Prepare = Callable[[nn.Module, torch.Tensor, int], Inference | Callable[[], object]]

RUNTIMES: dict[str, Prepare] = {
    "compiled": prepare_compiled,
    "cuda_graph": prepare_cuda_graph,
    "eager": prepare_eager,
    "litert": prepare_litert,
    "onnxruntime": prepare_onnxruntime,
    "openvino": prepare_openvino,
}

#: runtimes that run a network in int8
INT8_RUNTIMES: dict[str, GraphRuntime] = {
    "onnxruntime": OnnxInt8(),
    "openvino": OpenVinoInt8(),
    "litert": LiteRtInt8(),
}

#: packages of a runtime, with the extra of ours that brings them
_PACKAGES = {
    "onnxruntime": (("onnxruntime", "onnx"), ("onnx", "onnx"), ("onnxscript", "onnx")),
    "openvino": (("openvino", "openvino"),),
    "litert": (("ai_edge_litert", "litert"), ("litert_torch", "litert")),
}
_INT8_PACKAGES = {
    "openvino": (("nncf", "openvino"),),
    "litert": (("ai_edge_quantizer", "litert"),),
}

#: runtimes that return only when the result is there, on any device
WAITING = frozenset({"onnxruntime", "openvino", "litert"})
#: runtimes that compute on the CPU alone
_CPU_ONLY = frozenset({"openvino", "litert"})
#: number types that a runtime takes, where it does not take all
_DTYPES = {"litert": ("float32", "int8")}
#: random images that give the ranges of activations where only the latency counts
_RANDOM_BATCHES = 4


def prepare(runtime: str, model: nn.Module, inputs: torch.Tensor, threads: int = 1) -> Inference:
    """Return one inference of ``model`` on ``inputs`` by the named runtime.

    Raises:
        InputError: there is no such runtime, or it cannot run here.
        TrialError: the runtime cannot take this network.
    """
    check_runtime(runtime, inputs.device.type, str(inputs.dtype).removeprefix("torch."))
    # exporters trace views, which inference mode forbids; compilers specialise on the mode
    with torch.no_grad() if runtime in WAITING else torch.inference_mode():
        made = RUNTIMES[runtime](model, inputs, threads)
    return made if isinstance(made, Inference) else Inference(made)


def prepare_int8(
    runtime: str, model: nn.Module, inputs: torch.Tensor, threads: int = 1
) -> Inference:
    """Return one inference of ``model`` in int8, for its latency alone.

    Activations are calibrated on a few random images: what a network computes in int8, and how
    long it takes, does not depend on the ranges. Its logits do, and mean nothing here.

    Raises:
        InputError: the runtime has no int8, or cannot run here.
        TrialError: the runtime cannot take this network.
    """
    check_runtime(runtime, inputs.device.type, "int8")
    chosen = INT8_RUNTIMES[runtime]
    generator = torch.Generator().manual_seed(1)
    batches = [
        torch.randn(inputs.shape, generator=generator).numpy() for _ in range(_RANDOM_BATCHES)
    ]
    with tempfile.TemporaryDirectory(prefix="archsearch-") as place, torch.no_grad():
        plain, quantised = (Path(place) / f"{name}{chosen.ending}" for name in ("float", "int8"))
        chosen.convert(model.float(), inputs.contiguous(), plain, any_batch=False)
        chosen.quantize(plain, batches, quantised)
        loaded = chosen.load(quantised, threads)
    images = inputs.contiguous().numpy()
    return Inference(lambda: loaded.predict(images), loaded.fallbacks)


def load_graph(runtime: str, file: Path, inputs: torch.Tensor, threads: int = 1) -> Inference:
    """Return one inference of a file of the runtime's own.

    Raises:
        InputError: the runtime has no files, cannot run here, or cannot load this one.
    """
    check_runtime(runtime, inputs.device.type, "int8")
    try:
        loaded = INT8_RUNTIMES[runtime].load(file, threads)
        images = inputs.contiguous().numpy()
        loaded.predict(images)
    except (InputError, TrialError):
        raise
    except Exception as error:
        rule = f"{runtime} cannot run it on images {tuple(inputs.shape)}: {error}"
        raise InputError(Problem("", rule, file=str(file))) from None
    return Inference(lambda: loaded.predict(images), loaded.fallbacks)


def check_runtime(runtime: str, device: str, dtype: str = "float32") -> None:
    """Refuse a runtime that cannot measure on ``device`` here, before anything is built.

    Args:
        runtime: its name.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        dtype: number type of the inference.

    Raises:
        InputError: there is no such runtime, its packages are not installed, it measures on
            other devices, or it has no such type.
    """
    if runtime not in RUNTIMES:
        raise InputError(
            Problem("runtime", "must be a known runtime", runtime, nearest(runtime, RUNTIMES))
        )
    on_cuda = device.startswith("cuda")
    if runtime == "cuda_graph" and not on_cuda:
        rule = f"cuda_graph needs a CUDA device, and the device is {device}"
        raise InputError(Problem("runtime", rule, remedy="use eager"))
    if runtime in _CPU_ONLY and on_cuda:
        rule = f"{runtime} measures on cpu only, and the device is {device}"
        raise InputError(Problem("runtime", rule, remedy="use --device cpu"))
    types = _DTYPES.get(runtime, (dtype,))
    if dtype not in types:
        rule = f"must be {' or '.join(types)} for {runtime}"
        raise InputError(Problem("dtype", rule, dtype))
    if dtype == "int8" and runtime not in INT8_RUNTIMES:
        rule = f"must be a runtime with int8 ({', '.join(INT8_RUNTIMES)}) for --dtype int8"
        raise InputError(Problem("runtime", rule, runtime))
    if dtype == "int8" and on_cuda:
        rule = f"int8 is measured on cpu only, and the device is {device}"
        raise InputError(Problem("dtype", rule, remedy="use --device cpu"))
    packages = _PACKAGES.get(runtime, ())
    if dtype == "int8":
        packages += _INT8_PACKAGES.get(runtime, ())
    for package, extra in packages:
        check_extra(package, extra, runtime)
