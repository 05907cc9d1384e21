"""A small transformer over the pixels inside each patch."""

import torch.nn.functional as F
from torch import Tensor, nn


class PixelTransformer(nn.Module):
    """Attention and MLP among the pixels of each patch, added to its token (TNT, section 3.1).

    ``(B, H, W, C), (B, H * W, pixels, D) -> (B, H, W, C), (B, H * W, pixels, D)``

    Args:
        dim: channels of the patch tokens.
        pixel_dim: channels D of the pixels.
        num_pixels: pixels in a patch.
        num_heads: attention heads among pixels.
        hidden_dim: channels between the two layers of the MLP.
        qkv_bias: bias of the query, key and value projection.
        patch_norm: norm the pixels of a patch together, and the update of its token too.
        norm_eps: epsilon of the layer norms.
    """

    def __init__(
        self,
        dim: int,
        pixel_dim: int,
        num_pixels: int,
        num_heads: int,
        hidden_dim: int,
        *,
        qkv_bias: bool = False,
        patch_norm: bool = False,
        norm_eps: float = 1e-6,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.attention_norm = nn.LayerNorm(pixel_dim, eps=norm_eps)
        self.qkv = nn.Linear(pixel_dim, 3 * pixel_dim, bias=qkv_bias)
        self.attention_proj = nn.Linear(pixel_dim, pixel_dim)
        self.mlp_norm = nn.LayerNorm(pixel_dim, eps=norm_eps)
        self.fc1 = nn.Linear(pixel_dim, hidden_dim)
        self.fc2 = nn.Linear(hidden_dim, pixel_dim)
        self.patch_norm = patch_norm
        self.norm = nn.LayerNorm(num_pixels * pixel_dim if patch_norm else pixel_dim, eps=norm_eps)
        self.proj = nn.Linear(num_pixels * pixel_dim, dim, bias=not patch_norm)
        self.update_norm: nn.Module = (
            nn.LayerNorm(dim, eps=norm_eps) if patch_norm else nn.Identity()
        )

    def forward(self, x: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return map and pixels, both updated."""
        pixels = pixels + self._attention(self.attention_norm(pixels))
        pixels = pixels + self.fc2(F.gelu(self.fc1(self.mlp_norm(pixels))))
        normed = self.norm(pixels.flatten(2)) if self.patch_norm else self.norm(pixels).flatten(2)
        update = self.update_norm(self.proj(normed))  # (B, H * W, C)
        return x + update.reshape(x.shape), pixels

    def _attention(self, x: Tensor) -> Tensor:
        batch, patches, count, dim = x.shape
        qkv = self.qkv(x).reshape(-1, count, 3, self.num_heads, dim // self.num_heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # (B * patches, heads, pixels, head_dim)
        x = F.scaled_dot_product_attention(q, k, v).transpose(1, 2)
        out: Tensor = self.attention_proj(x.reshape(batch, patches, count, dim))
        return out
