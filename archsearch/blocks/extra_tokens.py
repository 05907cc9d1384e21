"""The tokens beside the map: a class token, global tokens."""

import torch
from torch import Tensor, nn


class LearnedTokens(nn.Module):
    """Begin with learned tokens: class token first, then global tokens.

    ``(B, T, C) | None -> (B, T', C)``: what comes from the stage before is dropped.

    Args:
        dim: channels.
        class_token: with a class token.
        global_tokens: number of global tokens.
    """

    def __init__(self, dim: int, *, class_token: bool = False, global_tokens: int = 0) -> None:
        super().__init__()
        self.has_class_token = class_token
        self.class_token = _learned(1, dim) if class_token else None
        self.global_tokens = _learned(global_tokens, dim) if global_tokens else None

    def forward(self, tokens: Tensor | None, batch: int) -> Tensor:
        """Return the tokens that the stage starts with."""
        if self.global_tokens is None:
            assert self.class_token is not None
            return self.class_token.expand(batch, -1, -1)
        if self.class_token is None:
            return self.global_tokens.expand(batch, -1, -1)
        return torch.cat([self.class_token, self.global_tokens], dim=1).expand(batch, -1, -1)


class CarriedTokens(nn.Module):
    """Carry tokens over from the stage before: class token first, then global tokens.

    A class token is carried over if the stage before has one too, global tokens if it has as many;
    what is carried is projected (layer norm, linear without bias; LightViT's token path). What is
    not carried starts as learned tokens.

    ``(B, T, C) -> (B, T', C')``

    Args:
        in_dim: channels of the stage before.
        dim: channels of the stage.
        class_token: the stage has a class token.
        global_tokens: number of its global tokens.
        in_class_token: the stage before has a class token.
        in_global_tokens: number of its global tokens.
        project: project what is carried over; off where width and map stay the same.
    """

    def __init__(
        self,
        in_dim: int,
        dim: int,
        *,
        class_token: bool = False,
        global_tokens: int = 0,
        in_class_token: bool = False,
        in_global_tokens: int = 0,
        project: bool = True,
    ) -> None:
        super().__init__()
        self.has_class_token = class_token
        keep_class = class_token and in_class_token
        keep_global = global_tokens > 0 and global_tokens == in_global_tokens
        self.start = 0 if keep_class else int(in_class_token)
        self.stop = int(in_class_token) + (in_global_tokens if keep_global else 0)
        self.projection = (
            nn.Sequential(nn.LayerNorm(in_dim), nn.Linear(in_dim, dim, bias=False))
            if project
            else nn.Identity()
        )
        self.class_token = _learned(1, dim) if class_token and not keep_class else None
        self.global_tokens = (
            _learned(global_tokens, dim) if global_tokens and not keep_global else None
        )

    def forward(self, tokens: Tensor, batch: int) -> Tensor:
        """Return the tokens that the stage starts with."""
        out: Tensor = self.projection(tokens[:, self.start : self.stop])
        if self.class_token is not None:
            out = torch.cat([self.class_token.expand(batch, -1, -1), out], dim=1)
        if self.global_tokens is not None:
            out = torch.cat([out, self.global_tokens.expand(batch, -1, -1)], dim=1)
        return out


def _learned(count: int, dim: int) -> nn.Parameter:
    tokens = nn.Parameter(torch.empty(1, count, dim))
    nn.init.trunc_normal_(tokens, std=0.02)
    return tokens
