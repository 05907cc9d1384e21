"""Relative position bias: one learned number per head and offset between two positions."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class RelativeBias(nn.Module):
    """Bias of attention logits by the offset between query and key (Swin, section 3.2).

    Args:
        num_heads: attention heads.
        height: rows of the grid of positions.
        width: columns of the grid.
    """

    index: Tensor

    def __init__(self, num_heads: int, height: int, width: int) -> None:
        super().__init__()
        self.size = (height, width)
        self.table = nn.Parameter(torch.empty(num_heads, (2 * height - 1) * (2 * width - 1)))
        nn.init.trunc_normal_(self.table, std=0.02)
        self.register_buffer("index", relative_index(height, width), persistent=False)

    def forward(self, height: int, width: int, num_tokens: int = 0) -> Tensor:
        """Return the bias ``(heads, T + N, T + N)`` of a grid; it is 0 for ``num_tokens`` tokens.

        A grid of another size than the table's interpolates the table.
        """
        table: Tensor = self.table
        index = self.index
        if (height, width) != self.size:
            rows, columns = self.size
            table = table.reshape(1, -1, 2 * rows - 1, 2 * columns - 1)
            table = F.interpolate(table, (2 * height - 1, 2 * width - 1), mode="bicubic")
            table = table.flatten(2)[0]
            index = relative_index(height, width).to(table.device)
        positions = height * width
        bias = table.index_select(1, index).reshape(-1, positions, positions)
        return F.pad(bias, (num_tokens, 0, num_tokens, 0)) if num_tokens else bias


def relative_index(height: int, width: int) -> Tensor:
    """Return the table column of every pair (query, key) of a grid, ``(N * N,)``."""
    rows = torch.arange(height).repeat_interleave(width)
    columns = torch.arange(width).repeat(height)
    row_offset = rows[:, None] - rows[None, :] + height - 1
    column_offset = columns[:, None] - columns[None, :] + width - 1
    return (row_offset * (2 * width - 1) + column_offset).flatten()
