"""Stochastic depth: drop whole residual updates of single images during training."""

from torch import Tensor, nn


class DropPath(nn.Module):
    """Drop the update of an image with probability ``rate`` (stochastic depth, Huang et al. 2016).

    The map and the extra tokens of an image are dropped together; what is kept is scaled up, so
    that the expected update stays the same. Does nothing in evaluation mode.

    ``(B, H, W, C), (B, T, C) | None -> (B, H, W, C), (B, T, C) | None``
    """

    def __init__(self, rate: float = 0.0) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, update: Tensor, token_update: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return both updates, each image's either zeroed or scaled."""
        if self.rate == 0.0 or not self.training:
            return update, token_update
        keep = 1.0 - self.rate
        kept = update.new_empty(update.shape[0], 1, 1, 1).bernoulli_(keep).div_(keep)
        if token_update is not None:
            token_update = token_update * kept[:, 0]
        return update * kept, token_update

    def extra_repr(self) -> str:
        """Return the rate, for printing."""
        return f"rate={self.rate:g}"
