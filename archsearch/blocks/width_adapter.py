"""Change the width between two stages of one resolution."""

from torch import Tensor, nn


class WidthAdapter(nn.Module):
    """A linear layer on every token of the map.

    ``(B, C, H, W) -> (B, C', H, W)``

    Args:
        in_dim: channels before.
        dim: channels after.
    """

    def __init__(self, in_dim: int, dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(in_dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return the map at its new width."""
        out: Tensor = self.linear(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return out
