"""Export weights and graph together: ONNX, OpenVINO, LiteRT, and PyTorch's ``.pt2``."""

import math
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from archsearch.activity import doing
from archsearch.arch import Arch
from archsearch.cost.runtimes import INT8_RUNTIMES
from archsearch.cost.runtimes.extra import check_extra, load_extra
from archsearch.cost.runtimes.onnx_graph import write_onnx
from archsearch.cost.runtimes.operator_place import named_operator
from archsearch.errors import TrialError
from archsearch.export.graph_storage import ONE_IMAGE, graph_ending, move_graph, note_facts
from archsearch.export.isolated_run import ExportError, random_images, run_isolated
from archsearch.model.fusion import fuse
from archsearch.train import ModelFile

#: how far logits may be off, as a share of the largest logit or of 1
TOLERANCE = {"onnx": 1e-4, "openvino": 1e-4, "litert": 1e-4, "pt2": 1e-5}
#: the same for fused networks, whose sums are taken in another order
FUSED_TOLERANCE = 1e-4


def export_graph(
    network: Arch | ModelFile,
    model: nn.Module,
    kind: str,
    output: Path,
    *,
    fused: bool = False,
    about: Mapping[str, str] | None = None,
) -> float:
    """Write ``model`` as an ONNX, OpenVINO, LiteRT or pt2 file; return its largest error.

    The file is loaded in a fresh process without archsearch and fed random images in two batch
    sizes; one for OpenVINO or LiteRT takes one image at a time, others any number. It replaces
    ``output`` only if all logits are within `TOLERANCE` of the network's.

    Args:
        network: what ``model`` was built from.
        model: in evaluation mode.
        kind: ``onnx``, ``openvino``, ``litert`` or ``pt2``.
        output: file to write.
        fused: write it fused, compared with ``model`` as it is.
        about: texts to go into the file: ONNX's metadata, or extra files of pt2 with the ending
            .json.

    Raises:
        InputError: what the format needs is not installed.
        ExportError: the network has no such graph, naming the operator; or logits are off.
    """
    check_packages(kind)
    with tempfile.TemporaryDirectory(prefix="archsearch-") as place:
        file = Path(place) / f"model{graph_ending(kind)}"
        images = random_images(network, seed=0)
        with doing(f"making the {kind} graph"):
            written = fuse(model) if fused else model
            if kind == "onnx":
                _write_onnx(written, images[-1], file, about or {})
            elif kind in ONE_IMAGE:
                images = [each[:1] for each in images]
                _write_one_image(written, kind, images[-1], file, about or {})
            else:
                _write_pt2(written, images[-1], file, about or {})
        case = {"kind": kind, "file": str(file), "inputs": images}
        (answer,) = run_isolated(Path(place), [case])
        with doing("comparing outputs"):
            error = _error(model, images, answer)
        tolerance = FUSED_TOLERANCE if fused else TOLERANCE[kind]
        if not error <= tolerance:
            raise ExportError(
                f"the {kind} file computes other logits: off by {error:.3g} of the largest, "
                f"more than {tolerance:g}"
            )
        with doing(f"writing {output}"):
            move_graph(kind, file, output)
    return error


def check_packages(kind: str, dtype: str = "float32") -> None:
    """Check that what a format needs is installed.

    Args:
        kind: the format.
        dtype: ``float32`` or ``int8``.

    Raises:
        InputError: it is not; the remedy installs it.
    """
    if kind == "onnx":
        for package in ("onnx", "onnxscript", "onnxruntime"):
            load_extra(package, "onnx", "onnx", key="--format")
    if kind == "openvino":
        load_extra("openvino", "openvino", "openvino", key="--format")
        if dtype == "int8":
            load_extra("nncf", "openvino", "openvino in int8", key="--dtype")
    if kind == "litert":
        for package in ("ai_edge_litert", "litert_torch"):
            check_extra(package, "litert", "litert", key="--format")
        if dtype == "int8":
            check_extra("ai_edge_quantizer", "litert", "litert in int8", key="--dtype")


def _write_onnx(
    model: nn.Module, images: torch.Tensor, file: Path, about: Mapping[str, str]
) -> None:
    try:
        write_onnx(model, images, file, dynamic_batch=True)
    except TrialError as error:
        raise ExportError(str(error)) from error
    note_facts("onnx", file, about)


def _write_one_image(
    model: nn.Module, kind: str, images: torch.Tensor, file: Path, about: Mapping[str, str]
) -> None:
    try:
        with torch.no_grad():
            INT8_RUNTIMES[kind].convert(model, images, file, any_batch=False)
    except TrialError as error:
        raise ExportError(str(error)) from error
    note_facts(kind, file, about)


def _write_pt2(
    model: nn.Module, images: torch.Tensor, file: Path, about: Mapping[str, str]
) -> None:
    shapes = ({0: torch.export.Dim("batch")},)
    try:
        program = torch.export.export(model, (images,), dynamic_shapes=shapes)
    except Exception as error:
        raise ExportError(
            f"the network cannot be exported to pt2{named_operator(error, model, images)}: "
            f"{str(error).splitlines()[0]}"
        ) from error
    extra = {f"{name}.json": text for name, text in about.items()}
    torch.export.save(program, file, extra_files=extra)


def _error(model: nn.Module, images: list[torch.Tensor], answer: dict[str, object]) -> float:
    if "error" in answer:
        raise ExportError(f"the exported file fails: {answer['error']}")
    logits = answer["logits"]
    assert isinstance(logits, list)
    errors = []
    for x, theirs in zip(images, logits, strict=True):
        with torch.no_grad():
            ours = model(x)
        scale = max(1.0, ours.abs().max().item())
        errors.append((ours - theirs).abs().max().item() / scale)
    # max() alone would pass over a NaN
    return max(errors) if all(map(math.isfinite, errors)) else math.inf
