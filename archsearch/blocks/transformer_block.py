"""One block of a stage: positions, local aggregation, attention, FFN."""

from torch import Tensor, nn

from archsearch.blocks.drop_path import DropPath


class TransformerBlock(nn.Module):
    """Attention, then FFN, each with a residual; convolutions may come ahead of them.

    ``(B, H, W, C), (B, T, C) | None -> (B, H, W, C), (B, T, C) | None``

    Args:
        attention: maps (map, extra tokens) to their updates; no update of the tokens is None.
        ffn: the same.
        local_position: position ahead of the local aggregation, or None.
        local_aggregation: maps the map to a map, or None.
        position: position ahead of the attention, or None.
        attention_drop_path: probability of dropping the update of the attention.
        ffn_drop_path: probability of dropping the update of the FFN.
    """

    def __init__(
        self,
        attention: nn.Module,
        ffn: nn.Module,
        *,
        local_position: nn.Module | None = None,
        local_aggregation: nn.Module | None = None,
        position: nn.Module | None = None,
        attention_drop_path: float = 0.0,
        ffn_drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.local_position = local_position or nn.Identity()
        self.local_aggregation = local_aggregation or nn.Identity()
        self.position = position or nn.Identity()
        self.attention = attention
        self.attention_drop_path = DropPath(attention_drop_path)
        self.ffn = ffn
        self.ffn_drop_path = DropPath(ffn_drop_path)

    def forward(self, x: Tensor, tokens: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the map and the extra tokens."""
        x = self.position(self.local_aggregation(self.local_position(x)))
        update, token_update = self.attention_drop_path(*self.attention(x, tokens))
        x, tokens = x + update, _add(tokens, token_update)
        update, token_update = self.ffn_drop_path(*self.ffn(x, tokens))
        return x + update, _add(tokens, token_update)


def _add(tokens: Tensor | None, update: Tensor | None) -> Tensor | None:
    return tokens if tokens is None or update is None else tokens + update
