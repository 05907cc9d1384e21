"""Stem that keeps the pixels inside each patch."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PixelStem(nn.Module):
    """Embed pixels, and make each patch token from the pixels inside it (TNT, section 3.1).

    A convolution makes a finer map, whose tokens are called pixels; a learned table tells them
    where in their patch they are. A patch token is a norm, a linear layer and a norm of its pixels.

    ``(B, C, H, W) -> ((B, C', H / patch, W / patch), (B, patches, pixels, D))``, rounded up.

    Args:
        in_channels: channels of the image.
        dim: channels of the map of patches.
        patch_size: pixels of the image along a side of a patch.
        pixel_dim: channels D of the pixels.
        pixel_size: stride of the convolution; divides ``patch_size``.
        patchwise: convolve each patch alone, padded with zeros.
    """

    def __init__(
        self,
        in_channels: int,
        dim: int,
        patch_size: int,
        pixel_dim: int,
        pixel_size: int,
        *,
        patchwise: bool = False,
    ) -> None:
        super().__init__()
        self.patchwise = patchwise
        self.patch_size = patch_size
        self.side = patch_size // pixel_size
        kernel = 2 * pixel_size - 1
        self.pixel_conv = nn.Conv2d(
            in_channels, pixel_dim, kernel, stride=pixel_size, padding=kernel // 2
        )
        self.pixel_position_table = nn.Parameter(torch.empty(self.side**2, pixel_dim))
        nn.init.trunc_normal_(self.pixel_position_table, std=0.02)
        self.norm1 = nn.LayerNorm(self.side**2 * pixel_dim)
        self.proj = nn.Linear(self.side**2 * pixel_dim, dim)
        self.norm2 = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the map of patches, and the pixels of each patch."""
        bottom, right = -x.shape[2] % self.patch_size, -x.shape[3] % self.patch_size
        if bottom or right:
            x = F.pad(x, (0, right, 0, bottom))
        batch, side = x.shape[0], self.side
        rows, columns = x.shape[2] // self.patch_size, x.shape[3] // self.patch_size
        if self.patchwise:
            size = self.patch_size
            x = x.reshape(batch, -1, rows, size, columns, size).permute(0, 2, 4, 1, 3, 5)
            x = self.pixel_conv(x.flatten(0, 2)).permute(0, 2, 3, 1)  # (patches, side, side, D)
        else:
            x = self.pixel_conv(x).permute(0, 2, 3, 1)  # (B, rows * side, columns * side, D)
            x = x.reshape(batch, rows, side, columns, side, -1).transpose(2, 3)
        pixels = x.reshape(batch, rows * columns, side**2, -1) + self.pixel_position_table
        patches = self.norm2(self.proj(self.norm1(pixels.flatten(2))))
        return patches.reshape(batch, rows, columns, -1).permute(0, 3, 1, 2), pixels
