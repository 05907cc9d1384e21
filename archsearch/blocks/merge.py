"""Patch merging: four neighbouring tokens become one."""

import torch.nn.functional as F
from torch import Tensor, nn


def gather_2x2(x: Tensor) -> Tensor:
    """Stack the channels of each 2x2 patch: ``(B, H, W, C) -> (B, H / 2, W / 2, 4 * C)``.

    Column by column, as in the Swin code: top left, bottom left, top right, bottom right.
    """
    batch, height, width, dim = x.shape
    x = x.reshape(batch, height // 2, 2, width // 2, 2, dim).permute(0, 1, 3, 4, 2, 5)
    return x.reshape(batch, height // 2, width // 2, 4 * dim)


class Merge(nn.Module):
    """2x2 gather, layer norm, linear without bias (Swin, section 3.1).

    ``(B, C, H, W) -> (B, C', H / 2, W / 2)``, rounded up: an odd map is padded with zeros.

    Args:
        in_dim: channels before.
        dim: channels after.
    """

    def __init__(self, in_dim: int, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * in_dim)
        self.reduction = nn.Linear(4 * in_dim, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the merged map."""
        x = F.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2)) if _odd(x) else x
        x = gather_2x2(x.permute(0, 2, 3, 1))
        out: Tensor = self.reduction(self.norm(x)).permute(0, 3, 1, 2)
        return out


class ResidualMerge(nn.Module):
    """`Merge` plus a linear layer over the 2x2 maximum (LightViT's residual patch merging).

    ``(B, C, H, W) -> (B, C', H / 2, W / 2)``, rounded up: an odd map is padded with zeros for
    the gather, and not at all for the maximum.

    Args:
        in_dim: channels before.
        dim: channels after.
    """

    def __init__(self, in_dim: int, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * in_dim)
        self.reduction = nn.Linear(4 * in_dim, dim, bias=False)
        self.residual = nn.Linear(in_dim, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the merged map."""
        largest = F.max_pool2d(x, 2, ceil_mode=True).permute(0, 2, 3, 1)
        x = F.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2)) if _odd(x) else x
        x = gather_2x2(x.permute(0, 2, 3, 1))
        x = self.reduction(self.norm(x)) + self.residual(largest)
        return x.permute(0, 3, 1, 2)


def _odd(x: Tensor) -> bool:
    return x.shape[2] % 2 == 1 or x.shape[3] % 2 == 1
