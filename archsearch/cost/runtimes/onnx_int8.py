"""ONNX Runtime with int8: its own static quantiser."""

import logging
import re
import shutil
import tempfile
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from archsearch.cost.int8_instructions import may_overflow
from archsearch.cost.runtimes.extra import load_extra
from archsearch.cost.runtimes.inference import Fallback, LoadedGraph
from archsearch.cost.runtimes.onnx_graph import write_onnx
from archsearch.errors import TrialError

#: what is quantised, where the second operand is a weight; products of two activations (attention)
#: are not
_PRODUCTS = ("Conv", "Gemm", "MatMul")
#: how the exporter notes the modules that a node comes from
_SCOPES = "pkg.torch.onnx.name_scopes"


class OnnxInt8:
    """ONNX Runtime: weights int8 by channel, activations uint8, QDQ format."""

    ending = ".onnx"
    in_float = "softmax, norms, activation functions, sums, and products of two activations"
    takes_any_batch = True

    @property
    def quantizer(self) -> str:
        """What quantises, with its version."""
        return f"ONNX Runtime {_onnxruntime().__version__}"

    def convert(
        self, model: nn.Module, images: torch.Tensor, file: Path, *, any_batch: bool
    ) -> None:
        """Write ``model`` in float32; see `GraphRuntime`."""
        _onnxruntime()
        write_onnx(model, images, file, dynamic_batch=any_batch)

    def operators(self, file: Path) -> dict[str, str]:
        """Return the products with a weight: name to dotted name of the module."""
        return {name: module for name, (_, module) in _products(file).items()}

    def quantize(
        self, file: Path, batches: Sequence[Any], output: Path, keep_float: Collection[str] = ()
    ) -> None:
        """Write an int8 form of a float32 file; see `GraphRuntime`."""
        _onnxruntime()
        quantization = load_extra("onnxruntime.quantization", "onnx", "onnxruntime")
        preparing = load_extra("onnxruntime.quantization.shape_inference", "onnx", "onnxruntime")
        with tempfile.TemporaryDirectory(prefix="archsearch-") as folder, _silent():
            # batch norms go into convolutions first: one that is left would stay in float
            folded = Path(folder) / "folded.onnx"
            preparing.quant_pre_process(
                str(file), str(folded), skip_symbolic_shape=True, skip_onnx_shape=True
            )
            kept = set(keep_float)
            wanted = [name for name in _weighted(folded) if _origin(name) not in kept]
            if not wanted:
                shutil.copyfile(file, output)
                return
            try:
                quantization.quantize_static(
                    str(folded),
                    str(output),
                    _Reader(batches, _input_name(folded)),
                    quant_format=quantization.QuantFormat.QDQ,
                    op_types_to_quantize=list(_PRODUCTS),
                    nodes_to_quantize=wanted,
                    per_channel=True,
                    reduce_range=may_overflow(),
                    activation_type=quantization.QuantType.QUInt8,
                    weight_type=quantization.QuantType.QInt8,
                )
            except Exception as error:
                raise TrialError(
                    f"ONNX Runtime cannot quantise the network: {type(error).__name__}: {error}"
                ) from error
        _note_modules(output, _products(file))

    def load(self, file: Path, threads: int) -> LoadedGraph:
        """Load a file on the CPU, and find what it runs in float though it is quantised."""
        onnxruntime = _onnxruntime()
        with tempfile.TemporaryDirectory(prefix="archsearch-") as folder:
            executed = Path(folder) / "executed.onnx"
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads
            options.inter_op_num_threads = 1
            options.log_severity_level = 3
            options.optimized_model_filepath = str(executed)
            session = onnxruntime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"]
            )
            fallbacks = _float_products(executed, file)
        name = session.get_inputs()[0].name

        def predict(images: Any) -> Any:
            return session.run(None, {name: images})[0]

        return LoadedGraph(predict, fallbacks)


class _Reader:
    """Calibration images, as the quantiser reads them."""

    def __init__(self, batches: Sequence[Any], name: str) -> None:
        self._batches = iter(batches)
        self._name = name

    def get_next(self) -> dict[str, Any] | None:
        """Return the next batch by the name of the input; None after the last."""
        batch = next(self._batches, None)
        return None if batch is None else {self._name: batch}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return ({self._name: batch} for batch in self._batches)

    def __len__(self) -> int:
        raise NotImplementedError("the quantiser reads it to its end")


def _onnxruntime() -> Any:
    for package in ("onnx", "onnxscript"):
        load_extra(package, "onnx", "onnxruntime")
    return load_extra("onnxruntime", "onnx", "onnxruntime")


def _graph(file: Path) -> Any:
    return load_extra("onnx", "onnx", "onnxruntime").load(file).graph


def _input_name(file: Path) -> str:
    return str(_graph(file).input[0].name)


def _products(file: Path) -> dict[str, tuple[str, str]]:
    """Return type and module of the products of a file, by their names when exported."""
    return {
        _origin(node.name): (node.op_type, _module(node))
        for node in _graph(file).node
        if node.op_type in _PRODUCTS
    }


def _module(node: Any) -> str:
    """Return the dotted name of the module that a node comes from; empty where it is unknown."""
    for entry in node.metadata_props:
        if entry.key == _SCOPES:
            scopes = [each.strip(" '\"") for each in entry.value.strip("[]").split(",")]
            # the last is the node itself
            return scopes[-2] if len(scopes) > 1 else ""
    return ""


def _origin(name: str) -> str:
    """Return the name that a node had when it was exported.

    Fusing a product with the sum after it, and changing the layout of a convolution, append to it.
    """
    return re.split(r"/|_token_", name)[0]


def _weighted(file: Path) -> list[str]:
    """Return the names of the products whose second operand is a weight."""
    graph = _graph(file)
    constants = {each.name for each in graph.initializer}
    return [
        node.name for node in graph.node if node.op_type in _PRODUCTS and node.input[1] in constants
    ]


def _note_modules(file: Path, products: dict[str, tuple[str, str]]) -> None:
    """Write the modules into the quantised file: folding batch norms has dropped them."""
    onnx = load_extra("onnx", "onnx", "onnxruntime")
    model = onnx.load(file)
    for node in model.graph.node:
        module = products.get(_origin(node.name), ("", ""))[1]
        if module and not _module(node):
            entry = node.metadata_props.add()
            entry.key, entry.value = _SCOPES, str([module, node.name])
    onnx.save(model, file)


def _float_products(executed: Path, file: Path) -> tuple[Fallback, ...]:
    """Return products that are run in float though their operands were quantised."""
    products = _products(file)
    graph = _graph(executed)
    constants = {each.name for each in graph.initializer}
    int8_weights = {
        node.output[0]
        for node in graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in constants
    }
    found = []
    for node in graph.node:
        kind = node.op_type.removeprefix("Fused")
        if kind in _PRODUCTS and node.input[1] in int8_weights:
            module = products.get(_origin(node.name), ("", ""))[1]
            found.append(Fallback(kind, module, "computed in float32"))
    return tuple(found)


@contextmanager
def _silent() -> Iterator[None]:
    """Keep the quantiser's advice, which is for those who call it by hand, from the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
