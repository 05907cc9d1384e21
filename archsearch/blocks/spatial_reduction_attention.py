"""Self-attention with keys and values from a reduced map."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archsearch.blocks.sides import Sides, both


class SpatialReductionAttention(nn.Module):
    """Attend from every token to one key for each r x r patch (PVT, section 3.3).

    A convolution of kernel and stride r, then a layer norm, make the reduced map. Extra tokens
    are queries and keys too. Pre-norm, without the residual.

    ``(B, H, W, C), (B, T, C) | None -> (B, H, W, C), (B, T, C) | None``

    Args:
        dim: channels.
        num_heads: attention heads.
        reduction: r, sides of the patch; a map that it does not divide is padded with zeros.
        qkv_bias: bias of the query, key and value projections.
        norm_eps: epsilon of the first layer norm.
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        reduction: Sides,
        *,
        qkv_bias: bool = True,
        norm_eps: float = 1e-6,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.reduction = both(reduction)
        self.norm = nn.LayerNorm(dim, eps=norm_eps)
        self.q = nn.Linear(dim, dim, bias=qkv_bias)
        self.reduce = nn.Conv2d(dim, dim, self.reduction, stride=self.reduction)
        self.reduce_norm = nn.LayerNorm(dim)
        self.kv = nn.Linear(dim, 2 * dim, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor, tokens: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the updates of the map and of the extra tokens."""
        batch, height, width, dim = x.shape
        heads, head_dim = self.num_heads, dim // self.num_heads
        x = self.norm(x)
        z = x.reshape(batch, height * width, dim)
        bottom, right = -height % self.reduction[0], -width % self.reduction[1]
        if bottom or right:
            x = F.pad(x, (0, 0, 0, right, 0, bottom))
        reduced = self.reduce(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        keys = self.reduce_norm(reduced.reshape(batch, -1, dim))
        num_tokens = 0
        if tokens is not None:
            num_tokens = tokens.shape[1]
            tokens = self.norm(tokens)
            z = torch.cat([tokens, z], dim=1)
            keys = torch.cat([tokens, keys], dim=1)
        q = self.q(z).reshape(batch, -1, heads, head_dim).transpose(1, 2)
        kv = self.kv(keys).reshape(batch, -1, 2, heads, head_dim)
        k, v = kv.permute(2, 0, 3, 1, 4).unbind(0)  # (B, heads, T + h * w, head_dim)
        z = F.scaled_dot_product_attention(q, k, v).transpose(1, 2)
        z = self.proj(z.reshape(batch, -1, dim))
        update = z[:, num_tokens:].reshape(batch, height, width, dim)
        return update, z[:, :num_tokens] if num_tokens else None
