"""Multi-head self-attention over the whole map."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archsearch.blocks.relative_bias import RelativeBias
from archsearch.blocks.sides import Sides, both


class SelfAttention(nn.Module):
    """Attend from every token to every token (ViT); pre-norm, without the residual.

    ``(B, H, W, C), (B, T, C) | None -> (B, H, W, C), (B, T, C) | None``

    Args:
        dim: channels.
        num_heads: attention heads.
        map_size: sides of the map that the relative bias is made for.
        qkv_bias: bias of the query, key and value projection.
        relative_bias: learn a relative position bias between image tokens.
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
        """Return the updates of the map and of the extra tokens."""
        batch, height, width, dim = x.shape
        z = x.reshape(batch, height * width, dim)
        num_tokens = 0
        if tokens is not None:
            num_tokens = tokens.shape[1]
            z = torch.cat([tokens, z], dim=1)
        qkv = self.qkv(self.norm(z)).reshape(batch, -1, 3, self.num_heads, dim // self.num_heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # (B, heads, T + N, head_dim)
        bias = None
        if self.relative_bias is not None:
            bias = self.relative_bias(height, width, num_tokens)[None]
        z = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        z = self.proj(z.transpose(1, 2).reshape(batch, -1, dim))
        update = z[:, num_tokens:].reshape(batch, height, width, dim)
        return update, None if tokens is None else z[:, :num_tokens]
