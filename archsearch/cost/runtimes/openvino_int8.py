"""OpenVINO with int8: quantised by NNCF."""

import logging
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from archsearch.cost.runtimes.extra import load_extra
from archsearch.cost.runtimes.inference import LoadedGraph
from archsearch.cost.runtimes.openvino import compile_settings, convert_openvino
from archsearch.cost.runtimes.openvino_layers import (
    fallbacks_of,
    module_of,
    quantised_products,
)
from archsearch.errors import TrialError

_NO_OPERATORS = ("Constant", "Parameter", "Result", "Convert")


class OpenVinoInt8:
    """OpenVINO on the CPU: weights int8 by channel, activations int8, by NNCF.

    Files are for the number of images of their example: OpenVINO 2026.4 cannot compile several of
    our networks in int8 with an open batch.
    """

    ending = ".xml"
    in_float = "softmax, norms and activation functions"
    takes_any_batch = False

    @property
    def quantizer(self) -> str:
        """What quantises, with its version."""
        return f"NNCF {_nncf().__version__}"

    def convert(
        self, model: nn.Module, images: torch.Tensor, file: Path, *, any_batch: bool
    ) -> None:
        """Write ``model`` in float32, for as many images as the example has."""
        openvino = load_extra("openvino", "openvino", "openvino")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the tracer's, about sizes that are constants
            converted = convert_openvino(model, images)
        openvino.save_model(converted, file, compress_to_fp16=False)

    def operators(self, file: Path) -> dict[str, str]:
        """Return all operators: name to dotted name of the module, empty for the network itself."""
        return {
            operator.get_friendly_name(): module_of(operator.get_friendly_name())
            for operator in _core().read_model(file).get_ordered_ops()
            if operator.get_type_name() not in _NO_OPERATORS
        }

    def quantize(
        self, file: Path, batches: Sequence[Any], output: Path, keep_float: Collection[str] = ()
    ) -> None:
        """Write an int8 form of a float32 file; see `GraphRuntime`."""
        openvino, nncf = load_extra("openvino", "openvino", "openvino"), _nncf()
        network = _core().read_model(file)
        kept = sorted(keep_float)
        with _silent():
            try:
                quantised = nncf.quantize(
                    network,
                    nncf.Dataset(list(batches)),
                    subset_size=len(batches),
                    model_type=nncf.ModelType.TRANSFORMER,
                    advanced_parameters=_without_smoothing(),
                    ignored_scope=nncf.IgnoredScope(names=kept, validate=False),
                )
            except Exception as error:
                raise TrialError(
                    f"NNCF cannot quantise the network: {type(error).__name__}: {error}"
                ) from error
        openvino.save_model(quantised, output, compress_to_fp16=False)

    def load(self, file: Path, threads: int) -> LoadedGraph:
        """Load a file on the CPU, and find what it does not run as it was asked to."""
        core = _core()
        network = core.read_model(file)
        quantised = quantised_products(network)
        try:
            compiled = core.compile_model(network, "CPU", compile_settings(threads, "f32"))
        except RuntimeError as error:
            raise TrialError(f"OpenVINO cannot load the network: {_last_line(error)}") from error
        request = compiled.create_infer_request()

        def predict(images: Any) -> Any:
            return request.infer([images])[0]

        return LoadedGraph(predict, fallbacks_of(compiled, quantised))


def _core() -> Any:
    return load_extra("openvino", "openvino", "openvino").Core()


def _nncf() -> Any:
    load_extra("openvino", "openvino", "openvino")
    return load_extra("nncf", "openvino", "openvino in int8")


def _last_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else type(error).__name__


def _without_smoothing() -> Any:
    """Return settings without SmoothQuant.

    Its default made the error of the logits of a small attention network five times as large
    (0.353 of their size instead of 0.065), and adds multiplications that take time.
    """
    advanced = load_extra("nncf.quantization.advanced_parameters", "openvino", "openvino in int8")
    off = advanced.AdvancedSmoothQuantParameters(convolution=-1, matmul=-1)
    return advanced.AdvancedQuantizationParameters(smooth_quant_alphas=off)


@contextmanager
def _silent() -> Iterator[None]:
    """Keep NNCF's notes and warnings from the terminal."""
    log = logging.getLogger("nncf")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)
