"""Cut a map into windows and put it together again.

Windows are square, but where a map is narrower.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from archsearch.blocks.sides import Sides, both


def pad_to_multiple(x: Tensor, size: Sides) -> Tensor:
    """Pad a map ``(B, H, W, C)`` with zeros at the bottom and right to multiples of ``size``."""
    down, across = both(size)
    bottom, right = -x.shape[1] % down, -x.shape[2] % across
    return F.pad(x, (0, 0, 0, right, 0, bottom)) if bottom or right else x


def window_partition(x: Tensor, size: Sides) -> Tensor:
    """Return the windows of a map in one copy: ``(B, H, W, C) -> (B * windows, N, C)``."""
    batch, height, width, dim = x.shape
    down, across = both(size)
    x = x.reshape(batch, height // down, down, width // across, across, dim)
    return x.transpose(2, 3).reshape(-1, down * across, dim)


def window_reverse(windows: Tensor, size: Sides, rows: int, columns: int) -> Tensor:
    """Put ``rows * columns`` windows of each map together again; undoes `window_partition`.

    ``(B * rows * columns, N, C) -> (B, H, W, C)``
    """
    down, across = both(size)
    x = windows.reshape(-1, rows, columns, down, across, windows.shape[-1])
    return x.transpose(2, 3).reshape(-1, rows * down, columns * across, x.shape[-1])


def window_regions(height: int, width: int, size: Sides, shift_h: int, shift_w: int) -> Tensor:
    """Return the region of every pixel of every window, ``(windows, N)``.

    The map is padded to whole windows, then rolled up and left by the shifts. Pixels of one
    window that were no neighbours before the roll lie in different regions; padding is region 0.
    """
    down, across = both(size)
    rows, row_valid = _bands(height, down, shift_h)
    columns, column_valid = _bands(width, across, shift_w)
    regions = 1 + 3 * rows[:, None] + columns[None, :]
    regions = regions * (row_valid[:, None] & column_valid[None, :])
    return window_partition(regions[None, :, :, None], size).squeeze(-1)


def _bands(length: int, size: int, shift: int) -> tuple[Tensor, Tensor]:
    """Return the band (0, 1, 2) of every position after the roll, and whether it is no padding."""
    padded = length + -length % size
    position = torch.arange(padded)
    bands = torch.zeros_like(position)
    if shift:
        bands = (position >= padded - size).long() + (position >= padded - shift).long()
    return bands, (position + shift) % padded < length


def window_mask(
    height: int, width: int, size: Sides, shift_h: int = 0, shift_w: int = 0
) -> Tensor | None:
    """Return which keys each query of a window may see, ``(windows, N, N)`` of bool.

    None stands for all of them. Padding sees only itself, so that no row is empty.
    """
    down, across = both(size)
    if height % down == 0 and width % across == 0 and not shift_h and not shift_w:
        return None
    regions = window_regions(height, width, size, shift_h, shift_w)
    same = (regions[:, :, None] == regions[:, None, :]) & (regions[:, None, :] > 0)
    return same | torch.eye(down * across, dtype=torch.bool)


def window_bias(bias: Tensor | None, mask: Tensor | None, batch: int) -> Tensor | None:
    """Join a bias ``(heads, N, N)`` and a mask ``(windows, N, N)`` to one attention mask.

    Returns what broadcasts to ``(batch * windows, heads, N, N)``; None where there is neither.
    """
    if mask is None:
        return None if bias is None else bias[None]
    joined = mask[:, None]
    if bias is not None:
        joined = bias[None].masked_fill(~joined, float("-inf"))
    return joined.expand(batch, *joined.shape).reshape(-1, *joined.shape[1:])
