"""The context of an attention or an FFN in its stage."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TokenCount:
    """Extra tokens of one stage: whether there is a class token, and how many global tokens."""

    class_token: bool = False
    global_tokens: int = 0

    @property
    def total(self) -> int:
        """Number of extra tokens."""
        return int(self.class_token) + self.global_tokens


@dataclass(frozen=True)
class StageContext:
    """The values that the builder of an attention or FFN needs beside its specification.

    Attributes:
        width: channels.
        num_heads: attention heads.
        side: side of the map in tokens.
        tokens: extra tokens beside the map; the class token comes first.
        relative_bias: attentions learn a relative position bias.
        norm_eps: epsilon of the layer norms.
    """

    width: int
    num_heads: int
    side: int
    tokens: TokenCount
    relative_bias: bool
    norm_eps: float
