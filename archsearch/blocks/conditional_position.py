"""Positions from a convolution over the map."""

from torch import Tensor, nn


class ConditionalPosition(nn.Module):
    """Add a depthwise convolution of the map (conditional position encoding, Chu et al. 2021).

    ``(B, H, W, C) -> (B, H, W, C)``

    Args:
        dim: channels.
        kernel_size: side of the kernel (odd).
    """

    def __init__(self, dim: int, kernel_size: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(dim, dim, kernel_size, padding=kernel_size // 2, groups=dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return the map with positions added."""
        out: Tensor = x + self.conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return out
