"""The plain FFN: two linear layers."""

import torch.nn.functional as F
from torch import Tensor, nn


class Mlp(nn.Module):
    """Linear, GELU, linear on every token (ViT); pre-norm, without the residual.

    ``(B, H, W, C), (B, T, C) | None -> (B, H, W, C), (B, T, C) | None``

    Args:
        dim: channels.
        hidden_dim: channels between the two layers.
        norm_eps: epsilon of the layer norm.
    """

    def __init__(self, dim: int, hidden_dim: int, *, norm_eps: float = 1e-6) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim, eps=norm_eps)
        self.fc1 = nn.Linear(dim, hidden_dim)
        self.fc2 = nn.Linear(hidden_dim, dim)

    def forward(self, x: Tensor, tokens: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the updates of the map and of the extra tokens."""
        return self._update(x), None if tokens is None else self._update(tokens)

    def _update(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(F.gelu(self.fc1(self.norm(x))))
        return out
