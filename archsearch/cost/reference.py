"""The small network that tells whether the machine is quiet."""

import torch
import torch.nn.functional as F
from torch import nn

_WIDTH = 192
_HEADS = 4


class ReferenceNetwork(nn.Module):
    """Convolution, attention and one linear layer used over and over: (B, 3, 48, 48) in.

    A few operators of about a tenth of a millisecond each, whose data fit into a core's own
    cache: what ran before hardly shows (many small operators were 15 to 30 % slower after
    another network than back to back), so that its latency tells of the machine's load and clock.
    """

    input_shape = (1, 3, 48, 48)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, _WIDTH, 4, stride=4)
        self.mix = nn.Linear(_WIDTH, _WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return tokens (B, 144, 192)."""
        x = self.stem(x).flatten(2).transpose(1, 2)  # (B, N, C)
        heads = x.view(*x.shape[:2], _HEADS, -1).transpose(1, 2)  # (B, heads, N, D)
        x = x + F.scaled_dot_product_attention(heads, heads, heads).transpose(1, 2).flatten(2)
        out: torch.Tensor = self.mix(F.relu(self.mix(x)))
        return out


def build_reference() -> ReferenceNetwork:
    """Build the reference network; its weights are always the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return ReferenceNetwork().eval()
