"""LiteRT with int8: quantised by its AI Edge Quantizer."""

import contextlib
import io
import re
import shutil
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from archsearch.cost.runtimes.extra import load_extra
from archsearch.cost.runtimes.inference import LoadedGraph
from archsearch.cost.runtimes.litert import load_litert
from archsearch.cost.runtimes.litert_graph import (
    INPUT,
    SIGNATURE,
    module_of,
    operator_type,
    tools,
    write_litert,
)
from archsearch.errors import TrialError
from archsearch.files import write_bytes

#: what is quantised, where the second operand is a weight
_PRODUCTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


class LiteRtInt8:
    """LiteRT: weights int8 by channel, activations int8; files for one number of images."""

    ending = ".tflite"
    in_float = "softmax, norms, activation functions, sums, and products of two activations"
    takes_any_batch = False

    @property
    def quantizer(self) -> str:
        """What quantises, with its version."""
        return f"AI Edge Quantizer {version('ai-edge-quantizer')}"

    def convert(
        self, model: nn.Module, images: torch.Tensor, file: Path, *, any_batch: bool
    ) -> None:
        """Write ``model`` in float32, for as many images as the example has."""
        write_litert(model, images, file)

    def operators(self, file: Path) -> dict[str, str]:
        """Return the products with a weight: name to dotted name of the module."""
        return {name: module_of(name) for name, _ in _weighted(file)}

    def quantize(
        self, file: Path, batches: Sequence[Any], output: Path, keep_float: Collection[str] = ()
    ) -> None:
        """Write an int8 form of a float32 file; see `GraphRuntime`."""
        wanted = [(name, kind) for name, kind in _weighted(file) if name not in keep_float]
        if not wanted:
            shutil.copyfile(file, output)
            return
        with _silent():
            types = _quantizer("qtyping")
            recipe = _quantizer("recipe_manager").RecipeManager()
            for name, kind in wanted:
                # the quantiser ends each name with a semicolon
                only, operation = f"^{re.escape(name)};?$", types.TFLOperationName[kind]
                recipe.add_static_config(only, operation, 8, 8)
            try:
                # its default, a moving average, is of the first images most of all, and cuts off
                calibrator = _quantizer("calibrator").Calibrator(
                    str(file),
                    num_threads=1,
                    qsv_update_func=_quantizer("utils.qsv_utils").min_max_update,
                )
                samples = {SIGNATURE: [{INPUT: each} for each in batches]}
                calibrator.calibrate(samples, recipe)
                work = _quantizer("quantizer").Quantizer(
                    str(file), recipe.get_quantization_recipe()
                )
                done = work.quantize(calibrator.get_model_qsvs())
                write_bytes(output, done.quantized_model)
            except Exception as error:
                raise TrialError(
                    f"AI Edge Quantizer cannot quantise the network: {type(error).__name__}: "
                    f"{error}"
                ) from error

    def load(self, file: Path, threads: int) -> LoadedGraph:
        """Load a file on the CPU, and find what it does not run as it was asked to."""
        return load_litert(file, threads)


def _quantizer(module: str) -> Any:
    return load_extra(f"ai_edge_quantizer.{module}", "litert", "litert in int8")


def _weighted(file: Path) -> list[tuple[str, str]]:
    """Return the products whose second operand is a weight: name of the output, and type."""
    graph = tools().read_model(file)
    (part,) = graph.subgraphs
    found = []
    for operator in part.operators:
        kind = operator_type(graph, operator)
        if kind in _PRODUCTS and _is_constant(graph, part.tensors[operator.inputs[1]]):
            found.append((part.tensors[operator.outputs[0]].name.decode(), kind))
    return found


def _is_constant(graph: Any, tensor: Any) -> bool:
    data = graph.buffers[tensor.buffer].data
    return data is not None and len(data) > 0


@contextmanager
def _silent() -> Iterator[None]:
    """Keep the quantiser's bars, sizes and advice from the terminal."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield
