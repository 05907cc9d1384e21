"""LiteRT (formerly TensorFlow Lite), on the CPU with XNNPACK."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from archsearch.cost.runtimes.extra import load_extra
from archsearch.cost.runtimes.inference import Fallback, Inference, LoadedGraph
from archsearch.cost.runtimes.litert_graph import module_of, write_litert
from archsearch.errors import TrialError

#: how LiteRT's interpreter calls what it has handed to XNNPACK
_DELEGATE = "DELEGATE"


def prepare_litert(model: nn.Module, inputs: torch.Tensor, threads: int) -> Inference:
    """Convert the network; return one inference by LiteRT, copies of input and output included.

    Raises:
        InputError: a package is not installed.
        TrialError: the network cannot be converted; names the operator where it is known.
    """
    images = inputs.contiguous()
    with tempfile.TemporaryDirectory(prefix="archsearch-") as folder:
        file = Path(folder) / "model.tflite"
        write_litert(model, images, file)
        loaded = load_litert(file, threads)
    feed = images.numpy()
    return Inference(lambda: loaded.predict(feed), loaded.fallbacks)


def load_litert(file: Path, threads: int) -> LoadedGraph:
    """Load a file on the CPU, and find what XNNPACK does not run.

    Raises:
        InputError: ai_edge_litert is not installed.
        TrialError: the file cannot be loaded.
    """
    runtime = load_extra("ai_edge_litert.interpreter", "litert", "litert")
    try:
        # from memory: the file may be a temporary one
        interpreter = runtime.Interpreter(model_content=file.read_bytes(), num_threads=threads)
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise TrialError(f"LiteRT cannot load the network: {error}") from error
    (given,), (wanted,) = interpreter.get_input_details(), interpreter.get_output_details()

    def predict(images: Any) -> Any:
        interpreter.set_tensor(given["index"], images)
        interpreter.invoke()
        return interpreter.get_tensor(wanted["index"])

    return LoadedGraph(predict, _outside_xnnpack(interpreter))


def _outside_xnnpack(interpreter: Any) -> tuple[Fallback, ...]:
    """Return the operators that LiteRT's own kernels run.

    An interpreter lists a delegate with what enters and leaves it, and the operators that it has
    taken as if they were still there.
    """
    names = {each["index"]: each["name"] for each in interpreter.get_tensor_details()}
    # the one list of operators that LiteRT has, public in all but its name
    listed = interpreter._get_ops_details()
    own = [each for each in listed if each["op_name"] != _DELEGATE]
    makers = {tensor: each for each in own for tensor in each["outputs"]}
    taken: set[int] = set()
    for delegate in listed:
        if delegate["op_name"] == _DELEGATE:
            taken |= _between(delegate["inputs"], delegate["outputs"], makers)
    return tuple(
        Fallback(each["op_name"], module_of(names[each["outputs"][0]]), "run outside XNNPACK")
        for each in own
        if each["index"] not in taken
    )


def _between(
    inputs: Sequence[int], outputs: Sequence[int], makers: dict[int, dict[str, Any]]
) -> set[int]:
    """Return the operators on the ways from ``inputs`` to ``outputs``."""
    found: set[int] = set()
    ends, waiting = set(inputs), [*outputs]
    while waiting:
        tensor = waiting.pop()
        if tensor in ends or tensor not in makers or makers[tensor]["index"] in found:
            continue
        found.add(makers[tensor]["index"])
        waiting.extend(makers[tensor]["inputs"])
    return found
