"""A network as a LiteRT file whose operators are named by the modules they come from."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from archsearch.cost.network_units import hooked
from archsearch.cost.runtimes.extra import load_extra
from archsearch.cost.runtimes.operator_place import explained
from archsearch.errors import TrialError

#: names of the input and the output, in the file's only signature
INPUT, OUTPUT = "images", "logits"
SIGNATURE = "serving_default"
#: how the converter calls the tensor of the logits
_OUTPUT = "serving_default_output_0_output"


def write_litert(model: nn.Module, images: torch.Tensor, file: Path) -> None:
    """Write ``model`` as a ``.tflite`` file for images of the shape of ``images`` alone.

    Operators are called by their output tensors, ``MODULE/TYPE;NUMBER``: `module_of` reads that.

    Args:
        model: in evaluation mode, float32.
        images: an example input (B, C, H, W).
        file: to write.

    Raises:
        InputError: a package is not installed.
        TrialError: the network cannot be converted; names the operator.
    """
    with _quiet_import():
        converter = load_extra("litert_torch", "litert", "litert")
    try:
        converter.convert(model, (images,)).export(str(file))
    except Exception as error:
        why = explained("the network cannot be converted to LiteRT", error, model, images)
        raise TrialError(why) from error
    _name_by_modules(file, _converters_names(model, images))


def tools() -> Any:
    """Return LiteRT's reader and writer of its files."""
    return load_extra("ai_edge_litert.tools.flatbuffer_utils", "litert", "litert")


def operator_type(graph: Any, operator: Any) -> str:
    """Return the type of an operator of a file that `tools` has read, e.g. ``CONV_2D``."""
    code = graph.operatorCodes[operator.opcodeIndex]
    number = tools().get_builtin_code_from_operator_code(code)
    return _type_names().get(number, str(number))


def module_of(tensor: str) -> str:
    """Return the dotted module of the operator that gives a tensor; empty where none is known."""
    return tensor.rpartition("/")[0]


def note_texts(file: Path, texts: Mapping[str, str]) -> None:
    """Write texts into the metadata of a file, each under its name."""
    graph, schema = tools().read_model(file), _schema()
    graph.metadata = list(graph.metadata or ())
    for name, text in texts.items():
        buffer, entry = schema.BufferT(), schema.MetadataT()
        buffer.data = np.frombuffer(text.encode(), np.uint8)
        entry.name, entry.buffer = name.encode(), len(graph.buffers)
        graph.buffers.append(buffer)
        graph.metadata.append(entry)
    tools().write_model(graph, file)


def _schema() -> Any:
    return load_extra("ai_edge_litert.schema_py_generated", "litert", "litert")


@cache
def _type_names() -> dict[int, str]:
    values = vars(_schema().BuiltinOperator).items()
    return {number: name for name, number in values if isinstance(number, int)}


def _converters_names(model: nn.Module, images: torch.Tensor) -> dict[str, str]:
    """Return the converter's names of modules, with the modules' dotted names.

    It writes classes and last names alone: ``net.Network/net.Block_0`` for ``blocks.0`` as for
    ``others.0``. Where modules share a name, the closest module that holds them all counts. The
    operator that gives the logits has the name of the output instead.
    """
    found: dict[str, str] = {}
    outputs: list[tuple[str, object]] = []
    stack = [_class_name(model)]
    found[stack[0]] = ""

    def enter(name: str, _: Any) -> None:
        own = f"{_class_name(model.get_submodule(name))}_{name.rpartition('.')[2]}"
        stack.append(f"{stack[-1]}/{own}")
        found[stack[-1]] = _common(found.get(stack[-1], name), name)

    def leave(name: str, output: object) -> None:
        stack.pop()
        outputs.append((name, output))

    names = [name for name, _ in model.named_modules() if name]
    with torch.no_grad(), hooked(model, names, enter, leave):
        logits = model(images)
    found[_OUTPUT] = next((name for name, output in outputs if output is logits), "")
    return found


def _class_name(module: nn.Module) -> str:
    kind = type(module)
    return f"{kind.__module__}.{kind.__qualname__}"


def _common(first: str, second: str) -> str:
    """Return the closest module that holds both."""
    shared = []
    for one, other in zip(first.split("."), second.split("."), strict=False):
        if one != other:
            break
        shared.append(one)
    return ".".join(shared)


def _name_by_modules(file: Path, modules: dict[str, str]) -> None:
    """Rename tensors by the modules that compute them, and the signature's input and output."""
    graph = tools().read_model(file)
    (part,) = graph.subgraphs
    for number, operator in enumerate(part.operators):
        kind = operator_type(graph, operator)
        for index in operator.outputs:
            tensor = part.tensors[index]
            module = modules.get(tensor.name.decode().partition(";")[0], "")
            tensor.name = f"{module}/{kind};{number}".encode()
    (signature,) = graph.signatureDefs
    for maps, name in ((signature.inputs, INPUT), (signature.outputs, OUTPUT)):
        (only,) = maps
        only.name = name.encode()
    tools().write_model(graph, file)


@contextmanager
def _quiet_import() -> Iterator[None]:
    """Keep from the terminal what the converter's libraries say when they are loaded.

    They write past Python's streams; what concerns users comes as an exception.
    """
    os.environ.setdefault("LITERT_TORCH_SHOW_PROGRESS", "n")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
