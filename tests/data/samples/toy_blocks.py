"""Toy blocks as a user would write them: one reads extra tokens, one does not."""

from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from archsearch.arch import AttentionSpec, FfnSpec, Ratio, StageContext


class TokenLook(nn.Module):
    """Add the mean of the extra tokens to the map, and the mean of the map to them; pre-norm.

    ``(B, H, W, C), (B, T, C) -> (B, H, W, C), (B, T, C)``
    """

    def __init__(self, dim: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.norm = nn.LayerNorm(dim)
        self.mix = nn.Linear(dim, dim)

    def forward(self, x: Tensor, tokens: Tensor | None) -> tuple[Tensor, Tensor | None]:
        x = self.mix(self.norm(x))
        if tokens is None:
            return x, None
        mean = tokens.mean(1)[:, None, None]
        return x + self.scale * mean, x.flatten(1, 2).mean(1, keepdim=True).expand_as(tokens)


class Look(AttentionSpec):
    """The map depends on the extra tokens, and nothing says so: the default holds."""

    scale: Ratio = 1.0

    def build(self, context: StageContext) -> nn.Module:
        return TokenLook(context.width, self.scale)


class Blind(AttentionSpec):
    """Reads no extra tokens."""

    tokens_read: ClassVar = "none"
    updates_class_token: ClassVar = False

    def build(self, context: StageContext) -> nn.Module:
        return TokenBlind(context.width)


class TokenBlind(nn.Module):
    """A linear layer on the map; pre-norm. ``(B, H, W, C), ... -> (B, H, W, C), None``"""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.mix = nn.Linear(dim, dim)

    def forward(self, x: Tensor, tokens: Tensor | None) -> tuple[Tensor, Tensor | None]:
        return self.mix(self.norm(x)), None


class GatedUnit(nn.Module):
    """Gated linear unit (SwiGLU); pre-norm.

    ``(B, H, W, C), (B, T, C) | None -> (B, H, W, C), (B, T, C) | None``
    """

    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.gate = nn.Linear(dim, hidden_dim)
        self.value = nn.Linear(dim, hidden_dim)
        self.out = nn.Linear(hidden_dim, dim)

    def forward(self, x: Tensor, tokens: Tensor | None) -> tuple[Tensor, Tensor | None]:
        return self._update(x), None if tokens is None else self._update(tokens)

    def _update(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        return self.out(F.silu(self.gate(x)) * self.value(x))


class Gated(FfnSpec):
    """SwiGLU."""

    tokens_read: ClassVar = "none"

    def build(self, context: StageContext) -> nn.Module:
        return GatedUnit(context.width, self.hidden_width(context.width))
