"""The small network that tells whether the machine is quiet."""

import torch
import torch.nn.functional as F
from torch import nn


class ReferenceNetwork(nn.Module):
    """Convolution, depthwise convolution, attention and FFN on a small map: (B, 3, 64, 64) in.

    It uses the kernels that candidates use and fits into a core's own cache, so that its
    latency depends on the machine's load and clock, and on little else.
    """

    input_shape = (1, 3, 64, 64)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, stride=4, padding=1)
        self.local = nn.Conv2d(32, 32, 3, padding=1, groups=32)
        self.merge = nn.Conv2d(32, 64, 2, stride=2)
        self.norm = nn.LayerNorm(64)
        self.qkv = nn.Linear(64, 192)
        self.expand = nn.Linear(64, 256)
        self.reduce = nn.Linear(256, 64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return tokens (B, 64, 64)."""
        x = self.merge(F.gelu(self.local(self.stem(x))))  # (B, 64, 8, 8)
        x = self.norm(x.flatten(2).transpose(1, 2))  # (B, N, C)
        qkv = self.qkv(x).unflatten(2, (3, 4, 16)).permute(2, 0, 3, 1, 4)  # (3, B, heads, N, D)
        attended = F.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2])
        x = x + attended.transpose(1, 2).flatten(2)
        out: torch.Tensor = x + self.reduce(F.gelu(self.expand(x)))
        return out


def build_reference() -> ReferenceNetwork:
    """Build the reference network; its weights are always the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return ReferenceNetwork().eval()
