"""Export a trained network in int8, as the file that a runtime runs, proved on real images."""

import pickle
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from archsearch.activity import doing
from archsearch.cost.runtimes import INT8_RUNTIMES
from archsearch.cost.runtimes.operator_place import block_names
from archsearch.data import DataSplits, Split
from archsearch.deployment.calibration_images import with_calibration_images
from archsearch.deployment.int8_judge import answered
from archsearch.deployment.quantized_network import QuantizedNetwork
from archsearch.errors import TrialError
from archsearch.export.graph_storage import move_graph, note_facts
from archsearch.export.isolated_run import ExportError, run_isolated
from archsearch.files import write_bytes
from archsearch.image_size import sides_of
from archsearch.model.fusion import fuse
from archsearch.percent import percent_text
from archsearch.train.inputs import Normalization

#: runtime of each format that holds int8
RUNTIME_OF = {"onnx": "onnxruntime", "openvino": "openvino", "litert": "litert"}
#: validation images on which the file is proved, the first ones
_PROVED_ON = 1000
#: share of the predictions that may differ from those of the process that quantised: the same file
#: in the same runtime, but other numbers of images at once may round otherwise
_MAX_DIFFERENT = 0.01
_BATCH = 64


def export_int8(
    model: nn.Module,
    kind: str,
    output: Path,
    data: DataSplits,
    *,
    fused: bool = False,
    about: dict[str, str] | None = None,
) -> QuantizedNetwork:
    """Write ``model`` in int8; return what that did to its predictions.

    Blocks whose quantisation costs accuracy stay in float until the drop is at most half a point.
    The file is then run on validation images in a fresh process without archsearch.

    Args:
        model: trained, in evaluation mode.
        kind: ``onnx``, ``openvino`` or ``litert``.
        output: file to write.
        data: calibrates (``train``) and judges (``val``), with the network's own mean and
            deviation.
        fused: fold batch norms and more into convolutions first.
        about: texts to go into the file.

    Raises:
        InputError: a package is not installed.
        ExportError: the network cannot be quantised, or the file predicts otherwise in the fresh
            process.
    """
    chosen = INT8_RUNTIMES[RUNTIME_OF[kind]]
    any_batch = chosen.takes_any_batch
    with tempfile.TemporaryDirectory(prefix="archsearch-") as folder:
        place = Path(folder)
        plain, file = (place / f"{name}{chosen.ending}" for name in ("float", "model"))
        example = torch.randn(2 if any_batch else 1, *_shape(data))
        write_bytes(place / "images.pkl", pickle.dumps(with_calibration_images(data)))
        try:
            with doing(f"making the {kind} graph"), torch.no_grad():
                written = fuse(model) if fused else model
                chosen.convert(written, example, plain, any_batch=any_batch)
            found = answered(
                place,
                {
                    "runtime": RUNTIME_OF[kind],
                    "file": str(plain),
                    "units": block_names(model),
                    "data": str(place / "images.pkl"),
                    "output": str(file),
                    "is_tested": data.test is not None,
                    "keeps_accuracy": True,
                },
            )
        except TrialError as error:
            raise ExportError(str(error)) from error
        note_facts(kind, file, {**(about or {}), "int8": found.result.model_dump_json()})
        _prove(place, kind, file, model, data, found)
        with doing(f"writing {output}"):
            move_graph(kind, file, output)
    return found


def _prove(
    place: Path,
    kind: str,
    file: Path,
    model: nn.Module,
    data: DataSplits,
    found: QuantizedNetwork,
) -> None:
    """Run the file in a fresh process, and compare its predictions with the float network's.

    Raises:
        ExportError: it fails, or agrees less with the float network than when it was quantised.
    """
    batches = list(
        _batches(data, data.val, _BATCH if INT8_RUNTIMES[RUNTIME_OF[kind]].takes_any_batch else 1)
    )
    (answer,) = run_isolated(place, [{"kind": kind, "file": str(file), "inputs": batches}])
    if "error" in answer:
        raise ExportError(f"the exported file fails: {answer['error']}")
    theirs = torch.cat(answer["logits"]).argmax(1)
    with torch.no_grad():
        ours = torch.cat([model(batch).argmax(1) for batch in batches])
    agreement = (ours == theirs).double().mean().item()
    whole = len(theirs) == len(data.val)
    if whole and abs(agreement - found.result.agreement) > _MAX_DIFFERENT:
        raise ExportError(
            f"the {kind} file in int8 predicts the class of the float network for "
            f"{percent_text(agreement)} of the images in a fresh process, and for "
            f"{percent_text(found.result.agreement)} when it was quantised"
        )


def _batches(data: DataSplits, split: Split, size: int) -> Iterator[Tensor]:
    normalize = Normalization(data, torch.device("cpu"))
    count = min(len(split), _PROVED_ON)
    for start in range(0, count, size):
        pixels = split.batch(np.arange(start, min(start + size, count)))
        yield normalize(torch.from_numpy(pixels)).contiguous()


def _shape(data: DataSplits) -> tuple[int, int, int]:
    return (data.in_channels, *sides_of(data.image_size))
