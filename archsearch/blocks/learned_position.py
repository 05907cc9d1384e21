"""A learned table of positions."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archsearch.blocks.sides import Sides, both


class LearnedPosition(nn.Module):
    """Add a learned vector to every token of the map, and to the class token (ViT; PVT).

    A map of another size than the table's interpolates the table.

    ``(B, H, W, C), (B, T, C) | None -> (B, H, W, C), (B, T, C) | None``

    Args:
        dim: channels.
        map_size: sides of the table.
        class_token: with a vector for the class token, which is the first extra token.
    """

    def __init__(self, dim: int, map_size: Sides, *, class_token: bool = False) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(*both(map_size), dim))
        nn.init.trunc_normal_(self.table, std=0.02)
        self.class_table = nn.Parameter(torch.empty(1, dim)) if class_token else None
        if self.class_table is not None:
            nn.init.trunc_normal_(self.class_table, std=0.02)

    def forward(self, x: Tensor, tokens: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return map and extra tokens with their positions added."""
        height, width = x.shape[1:3]
        table: Tensor = self.table
        if (height, width) != table.shape[:2]:
            grid = table.permute(2, 0, 1)[None]
            grid = F.interpolate(grid, (height, width), mode="bicubic", antialias=True)
            table = grid[0].permute(1, 2, 0)
        if tokens is not None and self.class_table is not None:
            others = tokens.shape[1] - 1
            tokens = tokens + F.pad(self.class_table, (0, 0, 0, others))
        return x + table, tokens
