"""Fixed sine waves as positions."""

import torch
from torch import Tensor

from archsearch.blocks.learned_position import LearnedPosition
from archsearch.blocks.sides import Sides, both


def sinusoid_table(dim: int, map_size: Sides, *, class_token: bool = False) -> LearnedPosition:
    """Return a table of positions that is filled with sine waves and not trained (T2T-ViT).

    Tokens count row by row; a class token is the first. The table is a parameter without gradient,
    as in the T2T-ViT code: it counts as parameters and travels with the weights.

    Args:
        dim: channels.
        map_size: sides of the table.
        class_token: with a vector for the class token.
    """
    position = LearnedPosition(dim, map_size, class_token=class_token)
    rows, columns = both(map_size)
    waves = sine_waves(rows * columns + int(class_token), dim)
    with torch.no_grad():
        position.table.copy_(waves[int(class_token) :].reshape(rows, columns, dim))
        if position.class_table is not None:
            position.class_table.copy_(waves[:1])
    return position.requires_grad_(False)


def sine_waves(count: int, dim: int) -> Tensor:
    """Return the table ``(count, dim)`` of Vaswani et al. 2017, section 3.5."""
    pair = torch.arange(dim, dtype=torch.float64) // 2
    angle = torch.arange(count, dtype=torch.float64)[:, None] / 10000 ** (2 * pair / dim)
    even = torch.arange(dim) % 2 == 0
    return torch.where(even, angle.sin(), angle.cos()).float()
