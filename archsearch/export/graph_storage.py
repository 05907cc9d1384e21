"""The files of a graph: what is noted in them, and how they get to their place."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archsearch.cost.runtimes.extra import load_extra
from archsearch.cost.runtimes.litert_graph import note_texts
from archsearch.files import replacing

#: formats whose files take one image at a time
ONE_IMAGE = ("openvino", "litert")
_ENDINGS = {"openvino": ".xml", "litert": ".tflite"}


def graph_ending(kind: str) -> str:
    """Return the ending of a format's file."""
    return _ENDINGS.get(kind, f".{kind}")


def graph_files(kind: str, output: Path) -> tuple[Path, ...]:
    """Return the files of a graph: OpenVINO has its weights beside it."""
    return (output, output.with_suffix(".bin")) if kind == "openvino" else (output,)


def move_graph(kind: str, file: Path, output: Path) -> None:
    """Copy the files of a graph to their place, the one that names the others last."""
    pairs = zip(graph_files(kind, file), graph_files(kind, output), strict=True)
    for source, target in reversed(list(pairs)):
        with replacing(target) as draft:
            shutil.copyfile(source, draft)


def note_facts(kind: str, file: Path, about: Mapping[str, str]) -> None:
    """Write texts into the metadata of a graph."""
    if not about:
        return
    if kind == "onnx":
        onnx: Any = load_extra("onnx", "onnx", "onnx")
        graph = onnx.load(file)
        onnx.helper.set_model_props(graph, dict(about))
        onnx.save(graph, file)
    elif kind == "openvino":
        openvino: Any = load_extra("openvino", "openvino", "openvino")
        network = openvino.Core().read_model(file)
        for key, text in about.items():
            network.set_rt_info(text, ["archsearch", key])
        noted = file.with_name("noted.xml")
        openvino.save_model(network, noted, compress_to_fp16=False)
        del network
        for source, target in zip(graph_files(kind, noted), graph_files(kind, file), strict=True):
            shutil.move(source, target)
    elif kind == "litert":
        note_texts(file, about)
