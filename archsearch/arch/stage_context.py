"""The context of an attention or an FFN in its stage."""

from dataclasses import dataclass

from archsearch.errors import InputError, Problem
from archsearch.image_size import ImageSize, sides_of, size_of


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
        map_size: side of a square map in tokens, or ``(rows, columns)``.
        tokens: extra tokens beside the map; the class token comes first.
        relative_bias: attentions learn a relative position bias.
        norm_eps: epsilon of the layer norms.
    """

    width: int
    num_heads: int
    map_size: ImageSize
    tokens: TokenCount
    relative_bias: bool
    norm_eps: float

    @property
    def side(self) -> int:
        """Side of a square map in tokens.

        Raises:
            InputError: the map is not square: the block is for square maps only.
        """
        if isinstance(self.map_size, int):
            return self.map_size
        rows, columns = self.map_size
        rule = f"a block asks for the side of its map, but the map has {rows} x {columns} tokens"
        raise InputError(
            Problem(
                "image_size", rule, None, "let its build() read context.map_size, or use a square"
            )
        )

    def within_map(self, size: int) -> ImageSize:
        """Return the sides of a window or patch of ``size``: no longer than those of the map."""
        rows, columns = sides_of(self.map_size)
        return size_of(min(size, rows), min(size, columns))
