"""Squeeze-and-excitation: a gate per channel from the mean over the map."""

import torch.nn.functional as F
from torch import Tensor, nn


class SqueezeExcitation(nn.Module):
    """Gate channels by two linear layers over their means (Hu et al. 2018; LocalViT, section 3).

    ``(B, C, H, W) -> (B, C, H, W)``

    Args:
        dim: channels.
        hidden_dim: channels between the two layers.
    """

    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden_dim)
        self.fc2 = nn.Linear(hidden_dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return the gated map."""
        gate = F.hardsigmoid(self.fc2(F.relu(self.fc1(x.mean(dim=(2, 3))))))
        return x * gate[:, :, None, None]
