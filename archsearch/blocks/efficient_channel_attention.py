"""Efficient channel attention: a gate per channel from a convolution over channels."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class EfficientChannelAttention(nn.Module):
    """Gate channels by a 1-D convolution over their means (ECA-Net, Wang et al. 2020).

    ``(B, C, H, W) -> (B, C, H, W)``

    Args:
        dim: channels; the kernel grows with their logarithm.
        hard: piecewise linear instead of smooth sigmoid.
    """

    def __init__(self, dim: int, *, hard: bool = False) -> None:
        super().__init__()
        size = int((math.log2(dim) + 1) / 2)
        size += 1 - size % 2
        self.conv = nn.Conv1d(1, 1, size, padding=size // 2, bias=False)
        self.hard = hard

    def forward(self, x: Tensor) -> Tensor:
        """Return the gated map."""
        logit = self.conv(x.mean(dim=(2, 3))[:, None])[:, 0]
        gate = F.hardsigmoid(logit) if self.hard else torch.sigmoid(logit)
        return x * gate[:, :, None, None]
