"""Attention in linear time by positive random features."""

import math
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PerformerAttention(nn.Module):
    """One head of attention whose cost grows linearly with the tokens (Performer; T2T-ViT).

    Queries and keys become positive random features ``exp(w . x - |x|^2 / 2) / sqrt(m)``, with
    ``m`` fixed orthogonal rows ``w``. The width changes, so values stand in for the residual.

    ``(B, N, C) -> (B, N, C')``

    Args:
        in_dim: channels before.
        dim: channels after.
        num_features: m, number of random features.
        eps: keeps the normaliser from zero.
    """

    def __init__(self, in_dim: int, dim: int, num_features: int, *, eps: float = 1e-8) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(in_dim)
        self.kqv = nn.Linear(in_dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        # a parameter, as in the T2T-ViT code: it counts as one and travels with the weights
        self.features = nn.Parameter(_orthogonal_rows(num_features, dim), requires_grad=False)
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Return the values plus the attention's output."""
        kqv: Tensor = self.kqv(self.norm(x))
        k, q, v = kqv.chunk(3, dim=-1)
        # exponentials and their sums span too many magnitudes for half precision
        with _without_autocast(x.device.type):
            k, q = self._positive_features(k.float()), self._positive_features(q.float())
            gathered = k.transpose(1, 2) @ v.float()  # (B, m, C')
            normaliser = q @ k.sum(dim=1)[:, :, None] + self.eps  # (B, N, 1)
            found = q @ gathered / normaliser
        out: Tensor = v + self.proj(found.to(v.dtype))
        return out

    def _positive_features(self, x: Tensor) -> Tensor:
        half_square = x.square().sum(dim=-1, keepdim=True) / 2
        exponent = F.linear(x, self.features.float()) - half_square
        features: Tensor = torch.exp(exponent) / math.sqrt(self.features.shape[0])
        return features


def _without_autocast(device: str) -> AbstractContextManager[object]:
    if not torch.amp.is_autocast_available(device):  # the meta device has none
        return nullcontext()
    return torch.autocast(device, enabled=False)


def _orthogonal_rows(count: int, dim: int) -> Tensor:
    """Return ``(count, dim)`` of orthogonal rows of length sqrt(count)."""
    rows = torch.empty(count, dim)
    nn.init.orthogonal_(rows)
    return rows * math.sqrt(count)
