"""An FFN whose output is gated along channels and along tokens."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class BiDimensionalFfn(nn.Module):
    """MLP, then bi-dimensional attention (LightViT, section 3.3); pre-norm, no residual.

    The mean over all tokens, extra tokens included, makes one gate per channel; each token,
    together with that mean, makes its own gate. Both multiply the output of the MLP.

    ``(B, H, W, C), (B, T, C) | None -> (B, H, W, C), (B, T, C) | None``

    Args:
        dim: channels.
        hidden_dim: channels between the two layers of the MLP.
        channel: with the channel gate.
        spatial: with the spatial gate.
        reduction: ``dim`` over the channels inside the gates.
        norm_eps: epsilon of the first layer norm.
    """

    def __init__(
        self,
        dim: int,
        hidden_dim: int,
        *,
        channel: bool = True,
        spatial: bool = True,
        reduction: int = 4,
        norm_eps: float = 1e-6,
    ) -> None:
        super().__init__()
        reduced = max(1, dim // reduction)
        self.norm = nn.LayerNorm(dim, eps=norm_eps)
        self.fc1 = nn.Linear(dim, hidden_dim)
        self.fc2 = nn.Linear(hidden_dim, dim)
        self.gate_norm = nn.LayerNorm(dim)
        self.global_reduce = nn.Linear(dim, reduced)
        self.channel_select = nn.Linear(reduced, dim) if channel else None
        self.local_reduce = nn.Linear(dim, reduced) if spatial else None
        self.spatial_select = nn.Linear(2 * reduced, 1) if spatial else None

    def forward(self, x: Tensor, tokens: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the updates of the map and of the extra tokens."""
        z = x.flatten(1, 2)
        if tokens is not None:  # one sequence: few tokens alone cost as many calls as the map
            z = torch.cat([tokens, z], dim=1)
        z = self._gate(self.fc2(F.gelu(self.fc1(self.norm(z)))))
        if tokens is None:
            return z.reshape(x.shape), None
        tokens, z = z.tensor_split((tokens.shape[1],), dim=1)
        return z.reshape(x.shape), tokens

    def _gate(self, x: Tensor) -> Tensor:
        """Multiply tokens ``(B, N, C)`` by both gates."""
        normed = self.gate_norm(x)
        # what both gates know of the whole map, (B, 1, C / reduction)
        summary = F.gelu(self.global_reduce(normed.mean(dim=1, keepdim=True)))
        if self.local_reduce is not None and self.spatial_select is not None:
            # the linear layer over [local, summary], without writing the summary for every token
            reduced = summary.shape[-1]
            weight = self.spatial_select.weight
            local = F.gelu(self.local_reduce(normed))
            logit = F.linear(summary, weight[:, reduced:], self.spatial_select.bias)
            spatial = torch.sigmoid(F.linear(local, weight[:, :reduced]) + logit)
            x = x * spatial
        if self.channel_select is not None:
            x = x * torch.sigmoid(self.channel_select(summary))
        return x
