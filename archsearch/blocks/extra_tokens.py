"""The tokens beside the map: a class token, global tokens."""

import torch
from torch import Tensor, nn


class ExtraTokens(nn.Module):
    """Make the extra tokens of a stage: class token first, then global tokens.

    A class token is carried over if the stage before has one too, global tokens if it has as many;
    what is carried is projected (layer norm, linear without bias; LightViT's token path). What is
    not carried starts as learned tokens.

    ``(B, T, C) | None -> (B, T', C')``

    Args:
        dim: channels of the stage.
        class_token: the stage has a class token.
        global_tokens: number of its global tokens.
        in_dim: channels of the stage before; 0 for none.
        in_class_token: the stage before has a class token.
        in_global_tokens: number of its global tokens.
        project: project what is carried over; off where width and map stay the same.
    """

    def __init__(
        self,
        dim: int,
        *,
        class_token: bool = False,
        global_tokens: int = 0,
        in_dim: int = 0,
        in_class_token: bool = False,
        in_global_tokens: int = 0,
        project: bool = True,
    ) -> None:
        super().__init__()
        keep_class = class_token and in_class_token
        keep_global = global_tokens > 0 and global_tokens == in_global_tokens
        self.start = 0 if keep_class else int(in_class_token)
        self.stop = int(in_class_token) + (in_global_tokens if keep_global else 0)
        self.projection: nn.Module = nn.Identity()
        if project and (keep_class or keep_global):
            self.projection = nn.Sequential(
                nn.LayerNorm(in_dim), nn.Linear(in_dim, dim, bias=False)
            )
        self.class_token = _learned(1, dim) if class_token and not keep_class else None
        self.global_tokens = (
            _learned(global_tokens, dim) if global_tokens and not keep_global else None
        )

    def forward(self, tokens: Tensor | None, batch: int) -> Tensor:
        """Return the tokens that the stage starts with."""
        parts = []
        if self.class_token is not None:
            parts.append(self.class_token.expand(batch, -1, -1))
        if tokens is not None and self.start < self.stop:
            parts.append(self.projection(tokens[:, self.start : self.stop]))
        if self.global_tokens is not None:
            parts.append(self.global_tokens.expand(batch, -1, -1))
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def _learned(count: int, dim: int) -> nn.Parameter:
    tokens = nn.Parameter(torch.empty(1, count, dim))
    nn.init.trunc_normal_(tokens, std=0.02)
    return tokens
