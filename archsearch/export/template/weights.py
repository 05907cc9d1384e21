"""Weights from a file, with PyTorch alone."""

import json
import re
from argparse import Namespace
from os import PathLike
from typing import Any

import torch
from torch import Tensor, nn

WRAPPERS = ("state_dict_ema", "model_ema", "model", "state_dict", "module")
DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def read_safetensors(path: str | PathLike[str]) -> dict[str, Any]:
    """Read the tensors of a ``.safetensors`` file."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = bytearray(file.read())
    header.pop("__metadata__", None)
    tensors: dict[str, Any] = {}
    for name, entry in header.items():
        flat = torch.frombuffer(data[slice(*entry["data_offsets"])], dtype=DTYPES[entry["dtype"]])
        tensors[name] = flat.reshape(entry["shape"])
    return tensors


def load_weights(path: str | PathLike[str]) -> dict[str, Tensor]:
    """Read a state dict: ``.safetensors``, or what `torch.save` wrote, wrapped or not.

    Of a training's checkpoint the averaged weights are taken where it has them.
    """
    if str(path).endswith(".safetensors"):
        state = read_safetensors(path)
    else:
        with torch.serialization.safe_globals([Namespace]):
            state = torch.load(path, map_location="cpu", weights_only=True)
    while inner := next((state[key] for key in WRAPPERS if isinstance(state.get(key), dict)), None):
        state = inner
    return {re.sub("^(?:module[.]|_orig_mod[.])+", "", key): state[key] for key in state}


def part_classes(path: str | PathLike[str]) -> dict[str, str]:
    """Read the classes of a network's parts, by path; empty for a file that does not tell."""
    if not str(path).endswith(".safetensors"):
        return {}
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    about = json.loads(header.get("__metadata__", {}).get("described_network", "{}"))
    return {part: str(entry[0]).partition(",")[0] for part, entry in about.get("parts", {}).items()}


def fill_what_fits(model: nn.Module, path: str | PathLike[str]) -> dict[str, str]:
    """Load the weights that fit by name, shape and kind of their part; return why others do not.

    A file that describes its network tells the kinds: attentions of different kinds have tensors
    of equal names and shapes. Of other files, names and shapes alone count.
    """
    own, state, theirs = model.state_dict(), load_weights(path), part_classes(path)
    modules = dict(model.named_modules())
    other = {
        part: f"{kind} there, {type(modules[part]).__name__} here"
        for part, kind in theirs.items()
        if part in modules and type(modules[part]).__name__ != kind
    }
    new = {}
    for key, value in own.items():
        kinds = [words for part, words in other.items() if key.startswith(f"{part}.")]
        if key not in state:
            new[key] = "not in the file"
        elif kinds:
            new[key] = kinds[0]
        elif state[key].shape != value.shape:
            new[key] = f"shape {list(state[key].shape)} there, {list(value.shape)} here"
    model.load_state_dict({key: own[key] if key in new else state[key] for key in own})
    return new


def fill(model: nn.Module, path: str | PathLike[str]) -> None:
    """Load weights; those of a classifier for other classes are left out."""
    own, state = model.state_dict(), load_weights(path)
    last = "head.classifier."
    mine, theirs = own.get(f"{last}bias"), state.get(f"{last}bias")
    if mine is None or (theirs is not None and theirs.shape != mine.shape):
        state = {key: state[key] for key in state if not key.startswith(last)}
        state |= {key: own[key] for key in own if key.startswith(last)}
    wrong = [f"{key} is missing" for key in own if key not in state]
    wrong += [f"{key} is unexpected" for key in state if key not in own]
    wrong += [
        f"{key} must have shape {list(own[key].shape)}, but has {list(state[key].shape)}"
        for key in own
        if key in state and own[key].shape != state[key].shape
    ]
    if wrong:
        raise ValueError(f"{path} holds other weights:\n" + "\n".join(wrong))
    model.load_state_dict(state)
