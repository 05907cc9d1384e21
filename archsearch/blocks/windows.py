"""Cut a map into square windows and put it together again."""

import torch
import torch.nn.functional as F
from torch import Tensor


def pad_to_multiple(x: Tensor, size: int) -> Tensor:
    """Pad a map ``(B, H, W, C)`` with zeros at the bottom and right to multiples of ``size``."""
    bottom, right = -x.shape[1] % size, -x.shape[2] % size
    return F.pad(x, (0, 0, 0, right, 0, bottom)) if bottom or right else x


def window_partition(x: Tensor, size: int) -> Tensor:
    """Return the windows of a map: ``(B, H, W, C) -> (B * windows, size * size, C)``, one copy."""
    batch, height, width, dim = x.shape
    x = x.reshape(batch, height // size, size, width // size, size, dim)
    return x.transpose(2, 3).reshape(-1, size * size, dim)


def window_reverse(windows: Tensor, size: int, rows: int, columns: int) -> Tensor:
    """Put ``rows * columns`` windows of each map together again; undoes `window_partition`.

    ``(B * rows * columns, size * size, C) -> (B, rows * size, columns * size, C)``
    """
    x = windows.reshape(-1, rows, columns, size, size, windows.shape[-1])
    return x.transpose(2, 3).reshape(-1, rows * size, columns * size, x.shape[-1])


def window_regions(height: int, width: int, size: int, shift_h: int, shift_w: int) -> Tensor:
    """Return the region of every pixel of every window, ``(windows, size * size)``.

    The map is padded to whole windows, then rolled up and left by the shifts. Pixels of one
    window that were no neighbours before the roll lie in different regions; padding is region 0.
    """
    rows, row_valid = _bands(height, size, shift_h)
    columns, column_valid = _bands(width, size, shift_w)
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
    height: int, width: int, size: int, shift_h: int = 0, shift_w: int = 0
) -> Tensor | None:
    """Return which keys each query of a window may see, ``(windows, N, N)`` of bool.

    None stands for all of them. Padding sees only itself, so that no row is empty.
    """
    if height % size == 0 and width % size == 0 and not shift_h and not shift_w:
        return None
    regions = window_regions(height, width, size, shift_h, shift_w)
    same = (regions[:, :, None] == regions[:, None, :]) & (regions[:, None, :] > 0)
    return same | torch.eye(size * size, dtype=torch.bool)


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
