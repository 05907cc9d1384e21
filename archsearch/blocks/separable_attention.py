"""Depthwise separable self-attention: inside windows, then among windows."""

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
    window_regions,
    window_reverse,
)


class SeparableAttention(nn.Module):
    """Depthwise, then pointwise self-attention over windows (SepViT, section 3.2).

    Depthwise: each window's pixels and its window token attend to each other; the normed input is
    added. Pointwise: window tokens make queries and keys, windows of pixels are the values; they
    are added again. Pre-norm, without the outer residual. Extra tokens stay as they are.

    ``(B, H, W, C), (B, T, C) | None -> (B, H, W, C), None``

    Args:
        dim: channels.
        num_heads: attention heads.
        map_size: sides of the map that mask and window tokens are prepared for.
        window_size: sides of a window in tokens, smaller than the map.
        window_token: ``learned`` or ``zero`` (a token that attends with its window's pixels),
            ``average`` (the mean of what its pixels attended to), or ``depthwise_conv`` (their
            weighted sum, channel by channel; the kernel is the window).
        pointwise: exchange between windows.
        qkv_bias: bias of the query, key and value projections.
        relative_bias: learn a relative position bias inside windows.
        norm_eps: epsilon of the layer norm.
    """

    mask: Tensor | None
    valid: Tensor | None

    def __init__(
        self,
        dim: int,
        num_heads: int,
        map_size: Sides,
        window_size: Sides,
        *,
        window_token: str = "learned",
        pointwise: bool = True,
        qkv_bias: bool = True,
        relative_bias: bool = False,
        norm_eps: float = 1e-6,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.map_size = both(map_size)
        self.window_size = both(window_size)
        self.num_tokens = 1 if window_token in ("learned", "zero") else 0
        (height, width), (down, across) = self.map_size, self.window_size
        self.window_tokens = (
            nn.Parameter(torch.zeros(-(-height // down), -(-width // across), dim))
            if window_token == "learned"
            else None
        )
        self.norm = nn.LayerNorm(dim, eps=norm_eps)
        self.qkv = nn.Linear(dim, 3 * dim, bias=qkv_bias)
        self.token_conv = (
            nn.Conv2d(dim, dim, self.window_size, groups=dim)
            if window_token == "depthwise_conv" and pointwise
            else None
        )
        self.token_norm = nn.LayerNorm(dim) if pointwise else None
        self.qk_pointwise = nn.Linear(dim, 2 * dim, bias=qkv_bias) if pointwise else None
        self.proj = nn.Linear(dim, dim)
        self.relative_bias = RelativeBias(num_heads, *self.window_size) if relative_bias else None
        mask, valid = self._masks(*self.map_size)
        self.register_buffer("mask", mask, persistent=False)
        self.register_buffer("valid", valid, persistent=False)

    def _masks(self, height: int, width: int) -> tuple[Tensor | None, Tensor | None]:
        """Return the mask inside windows, and which pixels of which windows are no padding."""
        mask = window_mask(height, width, self.window_size)
        if mask is None:
            return None, None
        valid = window_regions(height, width, self.window_size, 0, 0) > 0
        if self.num_tokens:  # the window token sees pixels that are no padding; all see it
            mask = torch.cat([valid[:, None], mask], dim=1)
            mask = F.pad(mask, (1, 0), value=True)
        return mask, valid

    def _window_tokens(self, x: Tensor, rows: int, columns: int) -> Tensor:
        """Return one token for each window of a grid, ``(rows * columns, 1, C)``."""
        if self.window_tokens is None:
            return x.new_zeros(rows * columns, 1, x.shape[-1])
        tokens: Tensor = self.window_tokens
        if (rows, columns) != tokens.shape[:2]:
            grid = tokens.permute(2, 0, 1)[None]
            grid = F.interpolate(grid, (rows, columns), mode="bilinear", align_corners=False)
            tokens = grid[0].permute(1, 2, 0)
        return tokens.reshape(rows * columns, 1, -1)

    def forward(self, x: Tensor, tokens: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the update of the map; extra tokens get none."""
        batch, height, width, dim = x.shape
        size, heads = self.window_size, self.num_heads
        mask, valid = self.mask, self.valid
        if (height, width) != self.map_size:
            mask, valid = self._masks(height, width)
            if mask is not None and valid is not None:
                mask, valid = mask.to(x.device), valid.to(x.device)
        bias = None
        if self.relative_bias is not None:
            bias = self.relative_bias(*size, self.num_tokens)

        x = pad_to_multiple(x, size)
        rows, columns = x.shape[1] // size[0], x.shape[2] // size[1]
        x = window_partition(x, size)  # (B * windows, N, C)
        if self.num_tokens:
            token = self._window_tokens(x, rows, columns).to(x.dtype)
            x = torch.cat([token.repeat(batch, 1, 1), x], dim=1)
        x = self.norm(x)
        qkv = self.qkv(x).reshape(*x.shape[:2], 3, heads, dim // heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # (B * windows, heads, 1 + N, head_dim)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=window_bias(bias, mask, batch))
        x = x + attended.transpose(1, 2).flatten(2)
        pixels = x[:, self.num_tokens :]
        if self.qk_pointwise is not None:
            if valid is not None:  # padding contributes nothing to other windows
                pixels = pixels * valid.repeat(batch, 1)[:, :, None]
            if self.token_conv is not None:
                maps = pixels.transpose(1, 2).reshape(-1, dim, *size)
                token = self.token_conv(maps).flatten(1)
            else:
                token = x[:, 0] if self.num_tokens else self._average(pixels, valid, batch)
            pixels = self._exchange(token.reshape(batch, rows * columns, dim), pixels)
        x = window_reverse(self.proj(pixels), size, rows, columns)
        return x[:, :height, :width], None

    def _average(self, pixels: Tensor, valid: Tensor | None, batch: int) -> Tensor:
        """Return the mean of each window's pixels, padding left out."""
        if valid is None:
            return pixels.mean(dim=1)
        weight = valid.to(pixels.dtype) / valid.sum(dim=1, keepdim=True)
        return (pixels * weight.repeat(batch, 1)[:, :, None]).sum(dim=1)

    def _exchange(self, token: Tensor, pixels: Tensor) -> Tensor:
        """Attend among windows: ``(B, windows, C), (B * windows, N, C) -> (B * windows, N, C)``."""
        assert self.token_norm is not None
        assert self.qk_pointwise is not None
        batch, windows, dim = token.shape
        heads, head_dim = self.num_heads, dim // self.num_heads
        qk = self.qk_pointwise(F.gelu(self.token_norm(token)))
        q, k = qk.reshape(batch, windows, 2, heads, head_dim).permute(2, 0, 3, 1, 4).unbind(0)
        v = pixels.reshape(batch, windows, -1, heads, head_dim).permute(0, 3, 1, 2, 4)
        v = v.flatten(3)  # (B, heads, windows, N * head_dim)
        v = v + F.scaled_dot_product_attention(q, k, v)
        v = v.reshape(batch, heads, windows, -1, head_dim).permute(0, 2, 3, 1, 4)
        return v.reshape(batch * windows, -1, dim)
