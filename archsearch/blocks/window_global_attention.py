"""Window attention plus global tokens that aggregate from the map and broadcast to it."""

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


class WindowGlobalAttention(nn.Module):
    """Local windows, aggregation to and broadcast from global tokens (LightViT, section 3.2).

    Global tokens attend to all image tokens (aggregation); image tokens attend to the result
    (broadcast), and this is added to the output of the window attention. One projection makes the
    queries, keys and values of image tokens and the queries of global tokens; another makes keys
    and values from aggregated tokens. Pre-norm, without the residual.

    ``(B, H, W, C), (B, T, C) -> (B, H, W, C), (B, T, C) | None``

    Args:
        dim: channels.
        num_heads: attention heads.
        map_size: sides of the map that the mask is prepared for.
        window_size: sides of a window in tokens.
        skip_tokens: leading extra tokens that take no part (the class token).
        aggregation: global tokens attend to image tokens; off leaves them as they are.
        broadcast: image tokens attend to global tokens.
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
        skip_tokens: int = 0,
        aggregation: bool = True,
        broadcast: bool = True,
        qkv_bias: bool = True,
        relative_bias: bool = False,
        norm_eps: float = 1e-6,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.map_size = both(map_size)
        self.window_size = both(window_size)
        self.skip_tokens = skip_tokens
        self.aggregation = aggregation
        self.norm = nn.LayerNorm(dim, eps=norm_eps)
        self.qkv = nn.Linear(dim, 3 * dim, bias=qkv_bias)
        self.kv_global = nn.Linear(dim, 2 * dim, bias=qkv_bias) if broadcast else None
        self.proj = nn.Linear(dim, dim)
        self.relative_bias = RelativeBias(num_heads, *self.window_size) if relative_bias else None
        mask, valid = self._masks(*self.map_size)
        self.register_buffer("mask", mask, persistent=False)
        self.register_buffer("valid", valid, persistent=False)

    def _masks(self, height: int, width: int) -> tuple[Tensor | None, Tensor | None]:
        """Return the mask inside windows and which image tokens are no padding, in window order."""
        mask = window_mask(height, width, self.window_size)
        if mask is None:
            return None, None
        regions = window_regions(height, width, self.window_size, 0, 0)
        return mask, (regions > 0).reshape(1, 1, 1, -1)

    def forward(self, x: Tensor, tokens: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the updates of the map and, with aggregation, of the extra tokens."""
        batch, height, width, dim = x.shape
        size, heads, head_dim = self.window_size, self.num_heads, dim // self.num_heads
        mask, valid = self.mask, self.valid
        if (height, width) != self.map_size:
            mask, valid = self._masks(height, width)
            if mask is not None and valid is not None:
                mask, valid = mask.to(x.device), valid.to(x.device)
        bias = None if self.relative_bias is None else self.relative_bias(*size)

        x = pad_to_multiple(self.norm(x), size)
        rows, columns = x.shape[1] // size[0], x.shape[2] // size[1]
        x = window_partition(x, size)  # (B * windows, N, C)
        qkv = self.qkv(x).reshape(*x.shape[:2], 3, heads, head_dim)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # (B * windows, heads, N, head_dim)
        local = F.scaled_dot_product_attention(q, k, v, attn_mask=window_bias(bias, mask, batch))
        x = local.transpose(1, 2).flatten(2)

        token_update = None
        if tokens is not None and (self.aggregation or self.kv_global is not None):
            # the same projections as one sequence: the order of image tokens makes no difference
            qkv = qkv.reshape(batch, -1, 3, heads, head_dim)
            q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # (B, heads, H * W, head_dim)
            glb = self.norm(tokens[:, self.skip_tokens :])
            if self.aggregation:
                bias_q = None if self.qkv.bias is None else self.qkv.bias[:dim]
                q_glb = F.linear(glb, self.qkv.weight[:dim], bias_q)
                q_glb = q_glb.reshape(batch, -1, heads, head_dim).transpose(1, 2)
                glb = F.scaled_dot_product_attention(q_glb, k, v, attn_mask=valid)
                glb = glb.transpose(1, 2).flatten(2)  # (B, T, C)
                token_update = F.pad(self.proj(glb), (0, 0, self.skip_tokens, 0))
            if self.kv_global is not None:
                kv = self.kv_global(glb).reshape(batch, -1, 2, heads, head_dim)
                k_glb, v_glb = kv.permute(2, 0, 3, 1, 4).unbind(0)  # (B, heads, T, head_dim)
                broadcast = F.scaled_dot_product_attention(q, k_glb, v_glb)
                x = x + broadcast.transpose(1, 2).reshape(x.shape)
        x = window_reverse(self.proj(x), size, rows, columns)
        return x[:, :height, :width], token_update
