"""Which tensors of a network are taken from another one, and in which part."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

from torch import Tensor

from archsearch.model.transfer.description import Description, Part
from archsearch.model.transfer.tensor_layout import merged, overlap

#: kinds whose tensors mean the same: one group of tokens, or several
_ALIKE = {
    "SingleGroupAttention": "SeparableAttention",
    "CarriedTokens": "LearnedTokens",
}
_CLASSIFIER = "head.classifier"
#: in words, what a path is a part of
_ROLES = ("attention", "ffn", "gate", "downsample", "position", "stem", "norm")


@dataclass(frozen=True)
class TensorTransfer:
    """What one tensor of a network takes from another network.

    Attributes:
        name: of the tensor.
        shape: of the tensor.
        source_shape: of the tensor that it is taken from; None where nothing is.
        how: ``taken``; what of it is, e.g. ``first 32 of 48 channels``; or why it is new, after
            ``new:``.
        taken: number of its values that are taken.
        is_parameter: it is trained or counted as parameters, and no statistic.
    """

    name: str
    shape: tuple[int, ...]
    source_shape: tuple[int, ...] | None
    how: str
    taken: int
    is_parameter: bool

    @property
    def size(self) -> int:
        """Number of its values."""
        return prod(self.shape)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        source = None if self.source_shape is None else list(self.source_shape)
        return {
            "name": self.name,
            "shape": list(self.shape),
            "source_shape": source,
            "how": self.how,
            "taken": self.taken,
            "values": self.size,
        }


@dataclass(frozen=True)
class Transfer:
    """What a network takes from another one.

    Attributes:
        tensors: one for every parameter and statistic of the network, part by part.
        unused: tensors of the other network that nothing is taken from.
    """

    tensors: tuple[TensorTransfer, ...]
    unused: tuple[str, ...]

    @cached_property
    def taken(self) -> int:
        """Number of parameters that are taken."""
        return sum(each.taken for each in self.tensors if each.is_parameter)

    @cached_property
    def total(self) -> int:
        """Number of parameters of the network."""
        return sum(each.size for each in self.tensors if each.is_parameter)

    @property
    def share(self) -> float:
        """Share of the parameters that are taken, 0 to 1."""
        return self.taken / self.total if self.total else 0.0

    @property
    def fits(self) -> bool:
        """Whether anything beyond norms, biases and tokens is taken."""
        return any(each.taken and _is_weight(each) for each in self.tensors)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "share": self.share,
            "taken": self.taken,
            "parameters": self.total,
            "tensors": [each.to_dict() for each in self.tensors],
            "unused": list(self.unused),
        }


def _is_weight(each: TensorTransfer) -> bool:
    return each.name.endswith("weight") and len(each.shape) > 1


def match(own: Description, theirs: Description) -> Transfer:
    """Return what a network takes from another one; nothing is changed.

    Parts are matched by stage, block and place in the block, and only where their kinds agree: a
    block with another attention gives its FFN. Of a part, tensors are matched by name, and sliced
    where their sizes differ; see `archsearch.model.transfer.block_layouts`. A block beyond the
    depth of the other's stage is new. The classifier is taken where the classes are the same.
    """
    rows, used = [], set[str]()
    for name, (path, inside) in own.tensors.items():
        part = own.parts[path]
        row = _row(name, path, inside, part, own, theirs)
        rows.append(row)
        if row.source_shape is not None:
            used.add(name)
    return Transfer(tuple(rows), tuple(each for each in theirs.tensors if each not in used))


def _row(
    name: str, path: str, inside: str, part: Part, own: Description, theirs: Description
) -> TensorTransfer:
    layout, shape_here = part.layouts[inside], part.shapes[inside]
    other = theirs.parts.get(path)
    refusal = _refusal(path, part, other, own, theirs)
    is_parameter = name in own.parameters
    if refusal or other is None or inside not in other.layouts:
        why = refusal or "no such tensor there"
        return TensorTransfer(name, shape_here, None, f"new: {why}", 0, is_parameter)
    found = overlap(layout, other.layouts[inside])
    if not found.taken:
        return TensorTransfer(name, shape_here, None, f"new: {found.words}", 0, is_parameter)
    how = found.words or "taken"
    return TensorTransfer(name, shape_here, theirs.shape(name), how, found.taken, is_parameter)


def _refusal(
    path: str, part: Part, other: Part | None, own: Description, theirs: Description
) -> str:
    """Return why nothing of a part is taken; empty where something may be."""
    if other is None:
        return "no such part there"
    if _kin(part.kind) != _kin(other.kind):
        what = next((each for each in _ROLES if path.rpartition(".")[2].startswith(each)), "part")
        what = {"ffn": "FFN", "downsample": "downsampling"}.get(what, what)
        kinds = f"{_words(other.kind)} there, {_words(part.kind)} here"
        return f"another kind of {what} ({kinds})"
    if (part.is_whole or other.is_whole) and dict(part.layouts) != dict(other.layouts):
        return "a block of a file is taken only where every shape agrees"
    if path == _CLASSIFIER and own.class_names != theirs.class_names:
        if own.class_names and theirs.class_names:
            return "made for other classes"
        return "whether it is made for the same classes is not known"
    return ""


def _kin(kind: str) -> str:
    return _ALIKE.get(kind, kind)


def _words(kind: str) -> str:
    """Return ``window attention`` for ``WindowAttention``."""
    name, _, rest = kind.partition(",")
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
    return f"{words}, {rest}" if rest else words


def merged_state(
    state: Mapping[str, Tensor],
    source: Mapping[str, Tensor],
    transfer: Transfer,
    own: Description,
    theirs: Description,
) -> dict[str, Tensor]:
    """Return the state of a network with what it takes from another one.

    Args:
        state: of the network, as it was initialised.
        source: of the other network.
        transfer: what `match` returned.
        own: the network.
        theirs: the other network.
    """
    result = dict(state)
    for each in transfer.tensors:
        if each.source_shape is not None:
            name = each.name
            layouts = own.layout(name), theirs.layout(name)
            result[name] = merged(state[name], source[name], *layouts)
    return result
