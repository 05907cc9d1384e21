"""Separable attention where one group covers the map."""

import torch.nn.functional as F
from torch import Tensor, nn

from archsearch.blocks.relative_bias import RelativeBias
from archsearch.blocks.sides import Sides, both


class SingleGroupAttention(nn.Module):
    """Depthwise self-attention over a single group (SepViT's code, where a window is the map).

    Self-attention whose normed input is added before the output projection, as the depthwise part
    of `SeparableAttention` does; there is nothing to exchange between groups. Pre-norm, without
    the outer residual. Extra tokens stay as they are.

    ``(B, H, W, C), (B, T, C) | None -> (B, H, W, C), None``

    Args:
        dim: channels.
        num_heads: attention heads.
        map_size: sides of the map that the relative bias is made for.
        qkv_bias: bias of the query, key and value projection.
        relative_bias: learn a relative position bias.
        norm_eps: epsilon of the layer norm.
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        map_size: Sides,
        *,
        qkv_bias: bool = True,
        relative_bias: bool = False,
        norm_eps: float = 1e-6,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm = nn.LayerNorm(dim, eps=norm_eps)
        self.qkv = nn.Linear(dim, 3 * dim, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim)
        self.relative_bias = RelativeBias(num_heads, *both(map_size)) if relative_bias else None

    def forward(self, x: Tensor, tokens: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the update of the map; extra tokens get none."""
        batch, height, width, dim = x.shape
        x = self.norm(x)
        qkv = self.qkv(x).reshape(batch, -1, 3, self.num_heads, dim // self.num_heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # (B, heads, N, head_dim)
        bias = None if self.relative_bias is None else self.relative_bias(height, width)[None]
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        return self.proj(x + attended.transpose(1, 2).reshape(x.shape)), None
