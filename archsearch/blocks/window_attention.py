"""Self-attention inside windows."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archsearch.blocks.relative_bias import RelativeBias
from archsearch.blocks.sides import Sides, both
from archsearch.blocks.windows import (
    pad_to_multiple,
    window_bias,
    window_mask,
    window_partition,
    window_reverse,
)


class WindowAttention(nn.Module):
    """Attend inside each window (Swin, section 3.2); pre-norm, without the residual.

    A map that windows do not tile is padded, and padding is masked. Extra tokens stay as they are.

    ``(B, H, W, C), (B, T, C) | None -> (B, H, W, C), None``

    Args:
        dim: channels.
        num_heads: attention heads.
        map_size: sides of the map that the mask is prepared for.
        window_size: sides of a window in tokens.
        shift: move the windows by half a window, and mask across the seam.
        qkv_bias: bias of the query, key and value projection.
        relative_bias: learn a relative position bias.
        norm_eps: epsilon of the layer norm.
    """

    mask: Tensor | None

    def __init__(
        self,
        dim: int,
        num_heads: int,
        map_size: Sides,
        window_size: Sides,
        *,
        shift: bool = False,
        qkv_bias: bool = True,
        relative_bias: bool = False,
        norm_eps: float = 1e-6,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.map_size = both(map_size)
        self.window_size = both(window_size)
        self.shift = shift
        self.norm = nn.LayerNorm(dim, eps=norm_eps)
        self.qkv = nn.Linear(dim, 3 * dim, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim)
        self.relative_bias = RelativeBias(num_heads, *self.window_size) if relative_bias else None
        self.register_buffer("mask", self._mask(*self.map_size), persistent=False)

    def _shifts(self, height: int, width: int) -> tuple[int, int]:
        """Return the shift along each side; a side that one window covers is not shifted."""
        down, across = self.window_size
        return (
            down // 2 if self.shift and height > down else 0,
            across // 2 if self.shift and width > across else 0,
        )

    def _mask(self, height: int, width: int) -> Tensor | None:
        return window_mask(height, width, self.window_size, *self._shifts(height, width))

    def forward(self, x: Tensor, tokens: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the update of the map; extra tokens get none."""
        batch, height, width, dim = x.shape
        size = self.window_size
        down, right = self._shifts(height, width)
        mask = self.mask
        if (height, width) != self.map_size:
            mask = self._mask(height, width)
            mask = None if mask is None else mask.to(x.device)
        bias = None if self.relative_bias is None else self.relative_bias(*size)

        x = pad_to_multiple(self.norm(x), size)
        rows, columns = x.shape[1] // size[0], x.shape[2] // size[1]
        if down or right:
            x = torch.roll(x, (-down, -right), (1, 2))
        x = window_partition(x, size)  # (B * windows, N, C)
        qkv = self.qkv(x).reshape(*x.shape[:2], 3, self.num_heads, dim // self.num_heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # (B * windows, heads, N, head_dim)
        x = F.scaled_dot_product_attention(q, k, v, attn_mask=window_bias(bias, mask, batch))
        x = self.proj(x.transpose(1, 2).flatten(2))
        x = window_reverse(x, size, rows, columns)
        if down or right:
            x = torch.roll(x, (down, right), (1, 2))
        return x[:, :height, :width], None
