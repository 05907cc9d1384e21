"""The architecture of a checkpoint, from its keys and shapes."""

import re
from collections.abc import Mapping
from math import isqrt
from typing import Any

from archsearch.arch import (
    ChannelGate,
    EfficientChannelAttention,
    Ffn,
    LocalityFfn,
    Mlp,
    NoGate,
    SqueezeExcitation,
    Stage,
)


class ShapeError(Exception):
    """The shapes fit no architecture of the family."""


class Shapes:
    """Shapes of a checkpoint's tensors by key.

    Looking up a key that is not there, or a dimension that a shape does not have, raises
    `ShapeError`.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.shapes = dict(shapes)

    def __contains__(self, key: str) -> bool:
        return key in self.shapes

    def any_has(self, suffix: str) -> bool:
        """Return whether any key ends in ``suffix``: one lost key must not change the answer."""
        return any(key.endswith(suffix) for key in self.shapes)

    def size(self, key: str, dim: int) -> int:
        """Return one dimension of a tensor, at least 1."""
        shape = self.shapes.get(key, ())
        if not -len(shape) <= dim < len(shape) or shape[dim] < 1:
            raise ShapeError(key)
        return shape[dim]

    def count(self, pattern: str) -> int:
        """Return how many numbers in a row, from 0 or 1 on, stand where ``pattern`` has ``#``."""
        expression = re.compile(re.escape(pattern).replace(r"\#", r"(\d+)"))
        found = {int(match[1]) for key in self.shapes if (match := expression.match(key))}
        first = 0 if 0 in found else 1
        count = 0
        while first + count in found:
            count += 1
        if count == 0:
            raise ShapeError(pattern)
        return count

    def square_side(self, key: str, dim: int, extra: int = 0) -> int:
        """Return the side of the square of positions along one dimension."""
        positions = self.size(key, dim) - extra
        side = isqrt(max(0, positions))
        if side * side != positions or side == 0:
            raise ShapeError(key)
        return side

    def window(self, key: str) -> tuple[int, int]:
        """Return window size and number of heads of a relative position bias table."""
        offsets = self.square_side(key, 0)
        return (offsets + 1) // 2, self.size(key, 1)

    def ffn(self, block: str, width: int, like: Ffn, residual: str = "conv") -> Ffn:
        """Return the FFN of a block: an MLP, or LocalViT's locality FFN.

        What shapes cannot tell (activation, kind of sigmoid) is taken from ``like``.
        """
        prefix = f"{block}.{residual}.conv"
        if f"{prefix}.0.weight" not in self:
            return Mlp(expansion=self.size(f"{block}.mlp.fc1.weight", 0) / width)
        hidden = self.size(f"{prefix}.0.weight", 0)
        options: dict[str, Any] = {"expansion": hidden / width, "depthwise": False}
        index = 3
        if len(self.shapes.get(f"{prefix}.3.weight", ())) == 4 and f"{prefix}.4.weight" in self:
            spatial = self.size(f"{prefix}.3.weight", 2)
            # the output convolution, which stands there without a depthwise one, narrows
            if self.size(f"{prefix}.3.weight", 1) == 1 and hidden > 1:
                options |= {"depthwise": True, "kernel_size": spatial}
                index = 6
        gate: ChannelGate = NoGate()
        if f"{prefix}.{index}.fc.0.weight" in self:
            gate = SqueezeExcitation(
                reduction=max(1, hidden // self.size(f"{prefix}.{index}.fc.0.weight", 0))
            )
        elif f"{prefix}.{index}.conv.weight" in self:
            gate = EfficientChannelAttention()
            if isinstance(like, LocalityFfn) and isinstance(like.gate, EfficientChannelAttention):
                gate = like.gate
        # LocalViT's code has gates after h-swish only: a named model without one cannot know better
        if isinstance(like, LocalityFfn) and (
            isinstance(gate, NoGate) or not isinstance(like.gate, NoGate)
        ):
            options["activation"] = like.activation
        return LocalityFfn(gate=gate, **options)


def heads_like(stage: Stage, width: int) -> int:
    """Return the number of heads at ``width`` for heads as wide as those of ``stage``."""
    if width == stage.width:
        return stage.heads
    head_dim = stage.width // stage.heads
    if width % head_dim == 0:
        return width // head_dim
    return stage.heads


def like_at(stages: tuple[Stage, ...], index: int) -> Stage:
    """Return the stage of the named network that stands for stage ``index``."""
    return stages[min(index, len(stages) - 1)]
