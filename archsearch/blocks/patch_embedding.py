"""One strided convolution: patch embedding, and downsampling between stages."""

import torch.nn.functional as F
from torch import Tensor, nn


class PatchEmbedding(nn.Module):
    """Convolution of stride ``patch_size``, then layer norm (ViT; EdgeViT; PVT; SepViT).

    ``(B, C, H, W) -> (B, C', H / patch_size, W / patch_size)``, rounded up.

    Args:
        in_channels: channels of the image or map.
        dim: channels of the result.
        patch_size: stride.
        kernel_size: side of the kernel; larger than the stride, patches overlap.
        norm: with the layer norm.
    """

    def __init__(
        self, in_channels: int, dim: int, patch_size: int, kernel_size: int, *, norm: bool = True
    ) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.kernel_size = kernel_size
        self.padding = (kernel_size - 1) // 2 if kernel_size > patch_size else 0
        self.proj = nn.Conv2d(
            in_channels, dim, kernel_size, stride=patch_size, padding=self.padding
        )
        self.norm = nn.LayerNorm(dim) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Return the map of patches."""
        bottom, right = self._missing(x.shape[2]), self._missing(x.shape[3])
        if bottom or right:
            x = F.pad(x, (0, right, 0, bottom))
        x = self.proj(x).permute(0, 2, 3, 1)
        out: Tensor = self.norm(x).permute(0, 3, 1, 2)
        return out

    def _missing(self, length: int) -> int:
        """Return how much padding the last patch of a side needs beyond the convolution's own."""
        patches = -(-length // self.patch_size)
        reach = (patches - 1) * self.patch_size + self.kernel_size - 2 * self.padding
        return max(0, reach - length)
