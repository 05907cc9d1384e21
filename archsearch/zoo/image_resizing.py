"""A network for another image size, with the weights it has."""

import logging

import torch.nn.functional as F
from torch import Tensor

from archsearch.arch import Arch, SeparableAttention, WindowAttention, WindowGlobalAttention
from archsearch.blocks.relative_bias import RelativeBias
from archsearch.errors import InputError, Problem
from archsearch.image_size import ImageSize, sides_of
from archsearch.model import Network, build_model

logger = logging.getLogger(__name__)


def resize(network: Network, image_size: ImageSize) -> Network:
    """Return a new network for ``image_size`` with the weights of ``network``.

    Position tables are interpolated as timm does (bicubic, antialiased). Relative position
    tables inside windows are cropped to a smaller window, which changes nothing for the offsets
    that are left, and interpolated to a larger one. Window tokens are interpolated. A separable
    attention whose window was the whole map has no parameters to exchange between windows: its
    window stays the whole map.

    Args:
        network: stays as it is.
        image_size: side of square images in pixels, or ``(height, width)``.

    Raises:
        InputError: ``image_size`` is smaller than one token of the last stage.
    """
    check_image_size(network.declared_arch, image_size)
    arch = _at_size(network.declared_arch, image_size)
    resized = build_model(arch)
    resized.train(network.training)
    old, new = network.state_dict(), resized.state_dict()
    windowed = _windowed_blocks(arch)
    state = {}
    for key, value in new.items():
        if key not in old:
            logger.warning("%s has no counterpart at the old image size; it starts anew", key)
            state[key] = value
        elif old[key].shape == value.shape:
            state[key] = old[key]
        else:
            inside_window = key.split(".attention.")[0] in windowed
            grids = [_offsets(each, key) for each in (network, resized)]
            state[key] = _fitted(key, old[key], value, grids, inside_window)
    dropped = sorted(set(old) - set(new))
    if dropped:
        logger.warning("one window covers the map there; dropped: %s", ", ".join(dropped))
    resized.load_state_dict(state)
    return resized.to(next(network.parameters()).device)


def check_image_size(arch: Arch, image_size: ImageSize) -> None:
    """Raise `InputError` if ``image_size`` is smaller than one token of the last stage."""
    stride = arch.stem_stride * 2 ** sum(stage.downsample is not None for stage in arch.stages)
    height, width = sides_of(image_size)
    names = {"": height} if height == width else {"height ": height, "width ": width}
    problems = [
        Problem(
            "image_size",
            f"{name}must be at least {stride}, the pixels along a side of a token of the last "
            "stage",
            side,
        )
        for name, side in names.items()
        if side < stride
    ]
    if problems:
        raise InputError(problems)


def _at_size(arch: Arch, image_size: ImageSize) -> Arch:
    """Return ``arch`` at another size; windows that were the whole map stay it."""
    resized = arch.model_copy(update={"image_size": image_size})
    stages = []
    shapes = zip(arch.stages, arch.map_shapes, resized.map_shapes, strict=True)
    for stage, old, new in shapes:
        blocks = []
        for block in stage.blocks:
            attention = block.attention
            if isinstance(attention, SeparableAttention) and attention.group_size >= max(old):
                changes = {"window_size": max(new), "group_count": 1}
                attention = attention.model_copy(update=changes)
            blocks.append(block.model_copy(update={"attention": attention}))
        stages.append(stage.model_copy(update={"blocks": tuple(blocks)}))
    return resized.model_copy(update={"stages": tuple(stages)})


def _windowed_blocks(arch: Arch) -> set[str]:
    """Return the names of the blocks whose attention stays inside windows."""
    kinds = WindowAttention | WindowGlobalAttention | SeparableAttention
    return {
        f"stages.{index}.blocks.{position}"
        for index, stage in enumerate(arch.stages)
        for position, block in enumerate(stage.pattern)
        if isinstance(block.attention, kinds)
    }


def _offsets(network: Network, key: str) -> tuple[int, int]:
    """Return the rows and columns of a table of relative positions; of others ``(0, 0)``."""
    module = network.get_submodule(key.rpartition(".")[0])
    if not isinstance(module, RelativeBias):
        return (0, 0)
    rows, columns = module.size
    return 2 * rows - 1, 2 * columns - 1


def _fitted(
    key: str, old: Tensor, new: Tensor, grids: list[tuple[int, int]], inside_window: bool
) -> Tensor:
    """Return ``old`` in the shape of ``new``; ``grids`` are the offsets of both."""
    if key.endswith("relative_bias.table"):
        before, after = grids
        grid = old.reshape(1, -1, *before)
        if inside_window:
            (top, rows), (left, columns) = map(_middle, before, after)
            grid = grid[..., top : top + rows, left : left + columns]
        if grid.shape[2:] != after:
            grid = F.interpolate(grid, after, mode="bicubic", align_corners=False)
        return grid.reshape(new.shape)
    if key.endswith(("position.table", "window_tokens")):
        grid = old.permute(2, 0, 1)[None].float()
        if key.endswith("window_tokens"):
            grid = F.interpolate(grid, new.shape[:2], mode="bilinear", align_corners=False)
        else:
            grid = F.interpolate(grid, new.shape[:2], mode="bicubic", antialias=True)
        return grid[0].permute(1, 2, 0).to(old.dtype)
    raise AssertionError(f"{key}: no rule for {tuple(old.shape)} -> {tuple(new.shape)}")


def _middle(before: int, after: int) -> tuple[int, int]:
    """Return start and length of the middle that is left of ``before`` offsets."""
    length = min(before, after)
    return (before - length) // 2, length
