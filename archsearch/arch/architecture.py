"""`Arch` > `Stage` > `Block`: a whole network as a frozen value."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from archsearch.arch.attention import Attention
from archsearch.arch.block_file import keep_sources
from archsearch.arch.ffn import Ffn
from archsearch.arch.parts import (
    Downsample,
    Head,
    NoPosition,
    PatchStem,
    PixelStem,
    PooledHead,
    Position,
    Stem,
)
from archsearch.arch.spec import Count, Flag, Size, Spec
from archsearch.files import write_text
from archsearch.image_size import ImageSize, sides_of, size_of
from archsearch.yaml_source import dump_yaml

#: blocks of a stage; the deepest networks of the zoo have 26
_MAX_DEPTH = 1_000


class LocalAggregation(Spec):
    """Convolutional sub-block ahead of the attention (EdgeViT, section 3.1).

    Attributes:
        kernel_size: side of the depthwise kernel (odd).
        expansion: hidden width over block width in its pointwise FFN.
    """

    kernel_size: Count = 5
    expansion: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 4.0


class PixelTransformer(Spec):
    """Attention and MLP among the finer pixels inside each patch, ahead of the block (TNT).

    Attributes:
        num_heads: attention heads; they divide the width of the pixels.
        expansion: hidden width of the MLP over the width of the pixels.
        patch_norm: norm the pixels of a patch together, and what the patch gets from them too, in
            place of each pixel alone.
    """

    num_heads: Count
    expansion: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 4.0
    qkv_bias: Flag = False
    patch_norm: Flag = False


class Block(Spec):
    """One entry of a stage's pattern.

    Attributes:
        attention: which tokens look at which.
        ffn: what happens to each token after it.
        local_aggregation: convolutional sub-block ahead of the attention; None for none.
        inner: transformer inside each patch, ahead of everything else; None for none.
        repeat: how many times in a row this entry stands in the pattern.
    """

    attention: Attention
    ffn: Ffn
    local_aggregation: LocalAggregation | None = None
    inner: PixelTransformer | None = None
    repeat: Count = 1

    def canonical(self, side: int) -> "Block":
        """Return the equal block's simplest form on a map whose longer side has ``side`` tokens."""
        attention, ffn = self.attention.canonical(side), self.ffn.canonical()
        return self.changed(attention=attention, ffn=ffn, repeat=1)


class Stage(Spec):
    """Blocks at one resolution and width.

    Attributes:
        depth: number of blocks.
        width: channels.
        num_heads: heads of every attention in the stage; give this or ``head_dim``.
        head_dim: channels of one head.
        downsample: how the stage halves the map before its first block; None in the first
            stage, where the stem does it, and None elsewhere keeps the map (a linear layer
            adapts the width where it changes).
        position: position information.
        class_token: the stage has a class token beside the map.
        blocks: pattern of blocks, cycled over the depth.
    """

    depth: Annotated[Count, Field(le=_MAX_DEPTH)]
    width: Count
    num_heads: Count | None = None
    head_dim: Count | None = None
    downsample: Downsample | None = None
    position: Position = NoPosition()
    class_token: Flag = False
    blocks: Annotated[tuple[Block, ...], Field(min_length=1)]

    @property
    def heads(self) -> int:
        """Number of heads, from whichever of the two was given."""
        if self.num_heads is not None:
            return self.num_heads
        return max(1, self.width // self.head_dim) if self.head_dim else 1

    @property
    def pattern(self) -> tuple[Block, ...]:
        """The ``depth`` blocks of the stage, repeats and cycling written out."""
        once = [block.changed(repeat=1) for block in self.blocks for _ in range(block.repeat)]
        return tuple(once[index % len(once)] for index in range(self.depth))

    def canonical(self, side: int) -> "Stage":
        """Return the equal stage's simplest form on a map whose longer side has ``side`` tokens."""
        pattern = tuple(block.canonical(side) for block in self.pattern)
        blocks = _shortest_period(pattern)
        return self.changed(num_heads=self.heads, head_dim=None, blocks=blocks)

    @property
    def global_tokens(self) -> int:
        """Number of global tokens that the stage's attentions share."""
        return max((block.attention.num_global_tokens for block in self.pattern), default=0)


class Arch(Spec):
    """A whole network as an immutable value: zoo model, sampled candidate or ablation variant.

    `load_arch` reads one from YAML, ``archsearch.zoo.arch`` returns one of the papers,
    `SearchSpace.arch` a sampled one; `build_model` makes the network.

    Attributes:
        image_size: side of square images in pixels, or ``(height, width)``.
        in_channels: channels of the images.
        num_classes: outputs of the classifier.
        stem: from pixels to the first map.
        stages: the stages, first to last.
        head: from the last map to the logits.
        norm_eps: epsilon of the layer norms inside blocks and ahead of the head.
    """

    image_size: Size = 224
    in_channels: Count = 3
    num_classes: Count = 1000
    stem: Stem = PatchStem(patch_size=4)
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    head: Head = PooledHead()
    norm_eps: Annotated[float, Field(gt=0, lt=1)] = 1e-6

    @property
    def stem_stride(self) -> int:
        """Pixels along one side of a token of the first map."""
        stem = self.stem
        return stem.patch_size if isinstance(stem, PatchStem | PixelStem) else stem.stride

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of one image."""
        return (self.in_channels, *sides_of(self.image_size))

    @property
    def map_shapes(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of the map in each stage, in tokens.

        Every division rounds up: maps are padded.
        """
        rows, columns = (-(-side // self.stem_stride) for side in sides_of(self.image_size))
        shapes = []
        for stage in self.stages:
            if stage.downsample is not None:
                rows, columns = -(-rows // 2), -(-columns // 2)
            shapes.append((rows, columns))
        return tuple(shapes)

    @property
    def map_sizes(self) -> tuple[ImageSize, ...]:
        """The same in the short form of ``image_size``: the side of a square map as one number."""
        return tuple(size_of(*shape) for shape in self.map_shapes)

    def canonical(self) -> "Arch":
        """Return the equal network's simplest form: inactive parameters take their default."""
        stages = tuple(
            stage.canonical(max(shape))
            for stage, shape in zip(self.stages, self.map_shapes, strict=True)
        )
        size = size_of(*sides_of(self.image_size))
        return self.changed(stages=stages, stem=self.stem.canonical(), image_size=size)

    @property
    def digest(self) -> str:
        """Identity of the network: sha256 (64 hex digits) of its canonical JSON.

        Architectures that differ only in inactive parameters share a digest.
        """
        data = _numbers(self.canonical().to_dict())
        text = json.dumps(data, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def to_yaml(self) -> str:
        """Return YAML that `load_arch` reads back as an equal value."""
        return dump_yaml(self.to_dict())

    def save(self, path: str | Path) -> None:
        """Write the architecture as YAML, and the files of its blocks beside it."""
        write_text(path, self.to_yaml())
        keep_sources(self.to_dict(), Path(path).parent)


def _numbers(data: Any) -> Any:
    """Write 4.0 and 4 alike, so that a digest does not depend on how a number was typed."""
    if isinstance(data, dict):
        return {key: _numbers(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_numbers(value) for value in data]
    if isinstance(data, float) and data.is_integer():
        return int(data)
    return data


def _shortest_period(pattern: tuple[Block, ...]) -> tuple[Block, ...]:
    """Return the shortest prefix that, cycled, gives ``pattern``."""
    for period in range(1, len(pattern) + 1):
        if pattern[period:] == pattern[: len(pattern) - period]:
            return pattern[:period]
    return pattern
