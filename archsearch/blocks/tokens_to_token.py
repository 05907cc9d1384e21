"""Stem that folds overlapping surroundings into tokens."""

import torch.nn.functional as F
from torch import Tensor, nn

from archsearch.blocks.performer import PerformerAttention

_SPLITS = {4: (1, 2, 2), 8: (2, 2, 2), 16: (4, 2, 2)}


class TokensToToken(nn.Module):
    """Soft split, performer layer, twice; soft split, linear (T2T-ViT, section 3.1).

    A soft split stacks the channels of each overlapping patch. The first has kernel 7 where it
    has stride 4, else 3; the others have kernel 3 and stride 2.

    ``(B, C, H, W) -> (B, C', H / stride, W / stride)``, rounded up.

    Args:
        in_channels: channels of the image.
        dim: channels of the map.
        stride: total stride: 4, 8 or 16 (T2T-ViT's).
        token_dim: channels inside the performer layers.
        num_features: random features of the performers.
        ffns: FFN of each performer layer; maps (map, None) to (update, None).
        idle_norms: keep the norms that the LocalViT code has ahead of these FFNs and does not
            use: they are not trained, but count as its parameters and travel with its weights.
    """

    def __init__(
        self,
        in_channels: int,
        dim: int,
        stride: int,
        token_dim: int,
        num_features: int,
        ffns: tuple[nn.Module, nn.Module],
        *,
        idle_norms: bool = False,
    ) -> None:
        super().__init__()
        first, *_ = _SPLITS[stride]
        kernel = 7 if first == 4 else 3
        self.first_split = (kernel, first, kernel // 2 - (kernel == 7))
        self.attention1 = PerformerAttention(in_channels * kernel**2, token_dim, num_features)
        self.ffn1 = ffns[0]
        self.attention2 = PerformerAttention(token_dim * 9, token_dim, num_features)
        self.ffn2 = ffns[1]
        self.proj = nn.Linear(token_dim * 9, dim)
        self.idle_norm1 = self.idle_norm2 = None
        if idle_norms:
            self.idle_norm1 = nn.LayerNorm(token_dim).requires_grad_(False)
            self.idle_norm2 = nn.LayerNorm(token_dim).requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the first map."""
        split = _soft_split(x, *self.first_split)  # (B, H, W, K)
        x = self.attention1(split.flatten(1, 2)).unflatten(1, split.shape[1:3])
        x = x + self.ffn1(x, None)[0]
        split = _soft_split(x.permute(0, 3, 1, 2), 3, 2, 1)
        x = self.attention2(split.flatten(1, 2)).unflatten(1, split.shape[1:3])
        x = x + self.ffn2(x, None)[0]
        out: Tensor = self.proj(_soft_split(x.permute(0, 3, 1, 2), 3, 2, 1)).permute(0, 3, 1, 2)
        return out


def _soft_split(x: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
    """Stack overlapping patches: ``(B, C, H, W) -> (B, ceil(H / s), ceil(W / s), C * k * k)``."""
    height, width = -(-x.shape[2] // stride), -(-x.shape[3] // stride)
    bottom = max(0, (height - 1) * stride + kernel - 2 * padding - x.shape[2])
    right = max(0, (width - 1) * stride + kernel - 2 * padding - x.shape[3])
    if bottom or right:
        x = F.pad(x, (0, right, 0, bottom))
    patches = F.unfold(x, kernel, padding=padding, stride=stride)
    return patches.transpose(1, 2).reshape(x.shape[0], height, width, patches.shape[1])
