"""A slow twin of the layouts: what every index along every axis of a tensor stands for, in words.

Written from the blocks' equations, tensor by tensor and index by index; a value goes from one
tensor to another where the labels of all of its indices are the same.
"""

import itertools
import re
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from archsearch.arch import Arch

Labels = list[tuple[object, ...]]

BODY = re.compile(r"stages\.(\d+)\.blocks\.(\d+)\.(attention|ffn|local_aggregation)\.(.+)")


def channels(count: int) -> Labels:
    return [("channel", index) for index in range(count)]


def hidden(count: int) -> Labels:
    return [("hidden", index) for index in range(count)]


def of_heads(heads: int, width: int, *kinds: str) -> Labels:
    """Return labels of rows: query rows first, each with its heads one after the other."""
    found: Labels = []
    for kind in kinds or ("out",):
        for head in range(heads):
            for index in range(width // heads):
                found.append((kind, head, index))
    return found


def centred(length: int) -> Labels:
    return [("offset", index - length // 2) for index in range(length)]


def plain(length: int) -> Labels:
    return [("place", length, index) for index in range(length)]


def axis_labels(arch: Arch, name: str, tensor: Tensor) -> list[Labels] | None:
    """Return the labels along each axis of a tensor; None where this twin has no opinion."""
    found = BODY.fullmatch(name)
    if found is None:
        return _outside(name, tensor)
    stage = arch.canonical().stages[int(found[1])]
    block = stage.pattern[int(found[2])]
    width, heads = stage.width, stage.heads
    inside = found[4]
    if found[3] == "attention":
        return _attention(block.attention, inside, width, heads, tensor)
    if found[3] == "ffn":
        return _ffn(inside, tensor)
    return _aggregation(inside, tensor)


def _attention(
    spec: object, name: str, width: int, heads: int, tensor: Tensor
) -> list[Labels] | None:
    kind = str(spec.type)
    if "relative_bias" in name or "window_tokens" in name:
        return None
    residual = channels(width)
    out = of_heads(heads, width) if kind != "separable" else residual
    rows: dict[str, Labels] = {
        "norm": residual,
        "token_norm": residual,
        "reduce_norm": residual,
        "propagation_norm": out,
        "qkv": of_heads(heads, width, "q", "k", "v"),
        "kv_global": of_heads(heads, width, "k", "v"),
        "kv": of_heads(heads, width, "k", "v"),
        "q": of_heads(heads, width, "q"),
        "qk_pointwise": of_heads(heads, width, "q", "k"),
        "proj": residual,
        "reduce": residual,
    }
    layer, _, leaf = name.rpartition(".")
    if layer == "local_propagation":
        return [out] if leaf == "bias" else [*map(plain, tensor.shape[:2]), out]
    labels = [rows[layer]]
    if tensor.dim() > 1:
        inputs = residual
        if layer == "proj" or (layer == "kv_global" and spec.aggregation):
            inputs = out
        labels.append(inputs)
    return [*labels, *map(plain, tensor.shape[2:])]


def _ffn(name: str, tensor: Tensor) -> list[Labels] | None:
    layer, _, _ = name.rpartition(".")
    size = tensor.shape
    gate = lambda count: [("gate", index) for index in range(count)]  # noqa: E731
    sides: dict[str, tuple[Callable[[int], Labels], Callable[[int], Labels] | None]] = {
        "norm": (channels, None),
        "gate_norm": (channels, None),
        "fc1": (hidden, channels),
        "fc2": (channels, hidden),
        "global_reduce": (gate, channels),
        "local_reduce": (gate, channels),
        "channel_select": (channels, gate),
        "expand": (hidden, channels),
        "expand_norm": (hidden, None),
        "project": (channels, hidden),
        "project_norm": (channels, None),
        "depthwise.1": (hidden, None),
        "gate.fc1": (gate, hidden),
        "gate.fc2": (hidden, gate),
    }
    if not size:
        return []
    if layer == "depthwise.0":
        return [hidden(size[0]), plain(1), centred(size[2]), centred(size[3])]
    if layer == "gate.conv":
        return [plain(1), plain(1), centred(size[2])]
    if layer == "spatial_select":
        pairs = itertools.product(("local", "summary"), range(size[-1] // 2))
        return [plain(1), *([list(pairs)] if len(size) > 1 else [])]
    out, inputs = sides[layer]
    labels = [out(size[0])]
    if len(size) > 1:
        assert inputs is not None
        labels.append(inputs(size[1]))
    return [*labels, *map(plain, size[2:])]


def _aggregation(name: str, tensor: Tensor) -> list[Labels]:
    size = tensor.shape
    layer, _, _ = name.rpartition(".")
    if not size:
        return []
    if layer == "depthwise":
        if len(size) == 1:
            return [channels(size[0])]
        return [channels(size[0]), plain(1), centred(size[2]), centred(size[3])]
    out = hidden if layer == "fc1" else channels
    inputs = hidden if layer == "fc2" else channels
    return [out(size[0]), *([inputs(size[1])] if len(size) > 1 else []), *map(plain, size[2:])]


def _outside(name: str, tensor: Tensor) -> list[Labels] | None:
    size = tensor.shape
    if name.endswith("downsample.reduction.weight"):
        corners = itertools.product(range(4), range(size[1] // 4))
        return [channels(size[0]), list(corners)]
    if name.endswith("downsample.norm.weight") and ".downsample." in name:
        return None  # after the gather or after the convolution
    if name == "head.classifier.weight":
        return [plain(size[0]), channels(size[1])]
    return None


def by_labels(new: Tensor, old: Tensor, own: Sequence[Labels], theirs: Sequence[Labels]) -> Tensor:
    """Return ``new`` with the values of ``old`` at equal labels, one by one."""
    result = new.clone()
    places = [{label: at for at, label in enumerate(axis)} for axis in theirs]
    for index in itertools.product(*(range(len(axis)) for axis in own)):
        labels = [axis[at] for axis, at in zip(own, index, strict=True)]
        where = [place.get(label) for place, label in zip(places, labels, strict=True)]
        if None not in where:
            result[index] = old[tuple(where)]
    assert torch.isfinite(result).all()
    return result
