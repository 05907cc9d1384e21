"""Blocks at one resolution and width."""

from collections.abc import Sequence

from torch import Tensor, nn


class Stage(nn.Module):
    """Downsample, add positions, and run the blocks.

    Between stages a map is ``(B, C, H, W)`` in channels-last memory; inside, its view
    ``(B, H, W, C)`` costs nothing. Extra tokens travel beside it.

    ``(B, C, H, W), (B, T, C) | None -> (B, C', H', W'), (B, T', C') | None``

    Args:
        blocks: map (map, extra tokens) to the same, in token layout.
        downsample: maps the map to a map, or None.
        tokens: makes the extra tokens of the stage; None for a stage without.
        position: adds positions to map and tokens ahead of the blocks, or None.
        position_after_first: adds positions to the map after the first block, or None.
        inner: for each block, a module that updates map and pixels ahead of it, or None; the
            stage then takes a pair ``(map, pixels)`` in place of the map. Empty for none.
    """

    def __init__(
        self,
        blocks: Sequence[nn.Module],
        *,
        downsample: nn.Module | None = None,
        tokens: nn.Module | None = None,
        position: nn.Module | None = None,
        position_after_first: nn.Module | None = None,
        inner: Sequence[nn.Module | None] = (),
    ) -> None:
        super().__init__()
        self.downsample = downsample or nn.Identity()
        self.tokens = tokens
        self.position = position
        self.blocks = nn.ModuleList(blocks)
        self.position_after_first = position_after_first
        self.inner = (
            nn.ModuleDict({str(index): each for index, each in enumerate(inner) if each})
            if inner
            else None
        )

    def forward(
        self, inputs: Tensor | tuple[Tensor, Tensor], tokens: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Return the map and the extra tokens."""
        x, pixels = inputs if isinstance(inputs, tuple) else (inputs, None)
        x = self.downsample(x).permute(0, 2, 3, 1)
        tokens = None if self.tokens is None else self.tokens(tokens, x.shape[0])
        if self.position is not None:
            x, tokens = self.position(x, tokens)
        for index, block in enumerate(self.blocks):
            if self.inner is not None and str(index) in self.inner:
                x, pixels = self.inner[str(index)](x, pixels)
            x, tokens = block(x, tokens)
            if index == 0 and self.position_after_first is not None:
                x = self.position_after_first(x)
        return x.permute(0, 3, 1, 2), tokens
