"""Convolutions ahead of the attention that gather each token's surroundings."""

import torch.nn.functional as F
from torch import Tensor, nn

from archsearch.blocks.drop_path import DropPath


class LocalAggregation(nn.Module):
    """Pointwise, depthwise, pointwise convolution, then a pointwise FFN (EdgeViT, section 3.1).

    Both parts have batch norm ahead and a residual.

    ``(B, H, W, C) -> (B, H, W, C)``

    Args:
        dim: channels.
        hidden_dim: channels inside the pointwise FFN.
        kernel_size: side of the depthwise kernel (odd).
        drop_path: probability of dropping each part's update.
    """

    def __init__(
        self, dim: int, hidden_dim: int, *, kernel_size: int = 5, drop_path: float = 0.0
    ) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(dim)
        self.conv1 = nn.Conv2d(dim, dim, 1)
        self.depthwise = nn.Conv2d(dim, dim, kernel_size, padding=kernel_size // 2, groups=dim)
        self.conv2 = nn.Conv2d(dim, dim, 1)
        self.norm2 = nn.BatchNorm2d(dim)
        self.fc1 = nn.Conv2d(dim, hidden_dim, 1)
        self.fc2 = nn.Conv2d(hidden_dim, dim, 1)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """Return the map with its surroundings gathered."""
        x = x.permute(0, 3, 1, 2)  # (B, C, H, W) in channels-last memory
        x = x + self.drop_path(self.conv2(self.depthwise(self.conv1(self.norm1(x)))), None)[0]
        x = x + self.drop_path(self.fc2(F.gelu(self.fc1(self.norm2(x)))), None)[0]
        return x.permute(0, 2, 3, 1)
