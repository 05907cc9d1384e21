"""What the dimensions of a tensor count, and which values of it go into another one."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

#: how two sizes of a dimension are brought together.
#: ``equal``: not at all; ``lead``: the first values of the longer one; ``middle``: its middle
#: (kernels); ``image``: channels of the image, added up or spread.
#: The others come in pairs, rows and columns of a grid that is interpolated: ``map`` (positions),
#: ``windows`` (one for each window), ``offsets`` between positions, and ``window_offsets``, of
#: which a smaller window has the middle.
Rule = Literal["equal", "lead", "middle", "image", "map", "windows", "offsets", "window_offsets"]
RULES: tuple[Rule, ...] = get_args(Rule)
_GRIDS = ("map", "windows", "offsets", "window_offsets")


@dataclass(frozen=True)
class Dim:
    """One dimension.

    Attributes:
        size: its length.
        name: what it counts, in words; both tensors must count the same.
        rule: how another size is met.
    """

    size: int
    name: str
    rule: Rule = "equal"


#: the dimensions of a tensor; several of them may share one dimension of its shape, as parts, heads
#: and channels of a head do in the rows of a fused projection
Layout = tuple[Dim, ...]


@dataclass(frozen=True)
class Overlap:
    """The values that one tensor takes from another.

    Attributes:
        taken: number of values.
        words: what is not taken as it is; empty where every value is.
    """

    taken: int
    words: str = ""


def overlap(own: Layout, theirs: Layout) -> Overlap:
    """Return which values a tensor takes from another one; ``taken`` is 0 where it cannot."""
    if [(each.name, each.rule) for each in own] != [(each.name, each.rule) for each in theirs]:
        return Overlap(0, "made for another input")
    taken, words = 1, list[str]()
    for index, (mine, other) in enumerate(zip(own, theirs, strict=True)):
        kept = _kept(mine, other)
        if not kept:
            return Overlap(0, f"{other.size} {mine.name} there, {mine.size} here")
        taken *= kept
        if mine.size != other.size and mine.rule not in _GRIDS:
            words.append(_words(mine, other))
        elif mine.rule in _GRIDS and _is_first_of_grid(own, index):
            pairs = own[index : index + 2], theirs[index : index + 2]
            words += _grid_words(*pairs)
    return Overlap(taken, ", ".join(dict.fromkeys(words)))


def _kept(mine: Dim, other: Dim) -> int:
    if mine.size == other.size or mine.rule in (*_GRIDS, "image"):
        return mine.size
    if mine.rule == "equal" or (mine.rule == "middle" and (mine.size - other.size) % 2):
        return 0
    return min(mine.size, other.size)


def _words(mine: Dim, other: Dim) -> str:
    if mine.rule == "image":
        return f"{other.size} {mine.name} {'added up' if mine.size == 1 else 'spread'}"
    where = "middle" if mine.rule == "middle" else "first"
    if mine.size < other.size:
        return f"{where} {mine.size} of {other.size} {mine.name}"
    return f"{other.size} of {mine.size} {mine.name}, the rest new"


def _is_first_of_grid(layout: Layout, index: int) -> bool:
    """Tell rows from columns."""
    return sum(each.rule in _GRIDS for each in layout[:index]) % 2 == 0


def _grid_words(mine: Layout, other: Layout) -> list[str]:
    here, there = (tuple(each.size for each in pair) for pair in (mine, other))
    if here == there:
        return []
    is_cropped = mine[0].rule == "window_offsets" and here <= there and here[1] <= there[1]
    verb = "cropped" if is_cropped else "interpolated"
    return [f"{verb} from {there[0]} x {there[1]}"]


def merged(new: Tensor, old: Tensor, own: Layout, theirs: Layout) -> Tensor:
    """Return ``new`` with the values that it takes from ``old``; neither is changed.

    Args:
        new: laid out as ``own``.
        old: laid out as ``theirs``; `overlap` must say that it has something to give.
    """
    target = new.detach().clone().reshape([each.size for each in own])
    source = old.detach().reshape([each.size for each in theirs]).to(target.device)
    for index, (mine, other) in enumerate(zip(own, theirs, strict=True)):
        if mine.size != other.size and mine.rule == "image":
            source = _other_channels(source, index, mine.size)
        elif mine.rule in _GRIDS and _is_first_of_grid(own, index):
            size = mine.size, own[index + 1].size
            source = _other_grid(source, index, size, mine.rule)
    put, take = [], []
    for mine, length in zip(own, source.shape, strict=True):
        kept = min(mine.size, length)
        is_middle = mine.rule == "middle"
        put.append(_span((mine.size - kept) // 2 if is_middle else 0, kept))
        take.append(_span((length - kept) // 2 if is_middle else 0, kept))
    target[tuple(put)] = source[tuple(take)].to(target.dtype)
    return target.reshape(new.shape)


def _span(start: int, length: int) -> slice:
    return slice(start, start + length)


def _other_channels(x: Tensor, dim: int, count: int) -> Tensor:
    """Return weights for another number of image channels, so that a grey image gives the same."""
    have = x.shape[dim]
    if count == 1:
        return x.sum(dim=dim, keepdim=True)
    index = torch.arange(count, device=x.device) % have
    return x.index_select(dim, index) * (have / count)


def _other_grid(x: Tensor, dim: int, size: tuple[int, int], rule: Rule) -> Tensor:
    """Return a tensor whose dimensions ``dim`` and ``dim + 1`` have the sides of another grid."""
    before = x.shape[dim : dim + 2]
    if tuple(before) == size:
        return x
    if rule == "window_offsets":
        # what is left of the offsets in a smaller window means the same
        for each, length in enumerate(size):
            kept = min(length, before[each])
            x = x.narrow(dim + each, (before[each] - kept) // 2, kept)
        if tuple(x.shape[dim : dim + 2]) == size:
            return x
    grid = x.movedim((dim, dim + 1), (-2, -1))
    flat = grid.reshape(1, -1, *grid.shape[-2:]).float()
    if rule == "map":
        flat = F.interpolate(flat, size, mode="bicubic", antialias=True)
    elif rule == "windows":
        flat = F.interpolate(flat, size, mode="bilinear", align_corners=False)
    else:
        flat = F.interpolate(flat, size, mode="bicubic", align_corners=False)
    return flat.reshape(*grid.shape[:-2], *size).movedim((-2, -1), (dim, dim + 1)).to(x.dtype)
