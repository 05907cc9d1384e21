"""Stem, downsampling, position and head specifications."""

from typing import Annotated, Literal

from pydantic import Field

from archsearch.arch.ffn import Ffn, Mlp
from archsearch.arch.spec import Count, Flag, Spec, TypeShorthand


class ConvStem(Spec):
    """Overlapping convolutions (LightViT's patch embedding): dense 3x3, three depthwise 3x3,
    dense 3x3, then layer norm.

    Attributes:
        stride: total stride.
    """

    type: Literal["conv"] = "conv"
    stride: Literal[1, 2, 4, 8, 16] = 4

    def canonical(self) -> "ConvStem":
        """Return itself: every parameter is active."""
        return self


class PatchStem(Spec):
    """One convolution of stride ``patch_size`` (ViT; EdgeViT; SepViT with a larger kernel).

    Attributes:
        patch_size: stride of the convolution.
        kernel_size: its kernel; None means ``patch_size`` (patches do not overlap).
        norm: layer norm after it.
    """

    type: Literal["patch"] = "patch"
    patch_size: Count
    kernel_size: Count | None = None
    norm: Flag = True

    def canonical(self) -> "PatchStem":
        """Write a kernel that equals the patch as absent."""
        return self.changed(kernel_size=None) if self.kernel_size == self.patch_size else self


class TokensToTokenStem(Spec):
    """Overlapping patches folded into tokens, with performer layers between (T2T-ViT).

    Attributes:
        stride: total stride.
        width: channels inside the performer layers.
        num_features: random features of the performers.
        ffn: FFN of the performer layers.
    """

    type: Literal["tokens_to_token"] = "tokens_to_token"
    stride: Literal[4, 8, 16] = 16
    width: Count = 64
    num_features: Count = 32
    ffn: Ffn = Mlp(expansion=1)

    def canonical(self) -> "TokensToTokenStem":
        """Write the FFN in its simplest form."""
        return self.changed(ffn=self.ffn.canonical())


class PixelStem(Spec):
    """Patch tokens made from finer pixels, which go on beside them (TNT).

    Attributes:
        patch_size: pixels of the image along a side of a patch.
        width: channels of the finer pixels.
        pixel_size: pixels of the image along a side of a finer pixel; divides ``patch_size``.
        patchwise: the finer pixels of a patch see nothing beyond it.
    """

    type: Literal["pixel"] = "pixel"
    patch_size: Count = 16
    width: Count
    pixel_size: Count = 4
    patchwise: Flag = False

    @property
    def num_pixels(self) -> int:
        """Finer pixels in a patch."""
        return (self.patch_size // self.pixel_size) ** 2

    def canonical(self) -> "PixelStem":
        """Return itself: every parameter is active."""
        return self


Stem = Annotated[
    ConvStem | PatchStem | TokensToTokenStem | PixelStem, Field(discriminator="type"), TypeShorthand
]


class ResidualMerge(Spec):
    """2x2 gather, layer norm, linear, plus a max-pooled linear branch (LightViT)."""

    type: Literal["residual_merge"] = "residual_merge"


class Merge(Spec):
    """2x2 gather, layer norm, linear without bias (Swin)."""

    type: Literal["merge"] = "merge"


class ConvDownsample(Spec):
    """2x2 convolution of stride 2, then layer norm (EdgeViT; PVT)."""

    type: Literal["conv"] = "conv"


class OverlappingConvDownsample(Spec):
    """3x3 convolution of stride 2, then layer norm (SepViT)."""

    type: Literal["overlapping_conv"] = "overlapping_conv"


Downsample = Annotated[
    ResidualMerge | Merge | ConvDownsample | OverlappingConvDownsample,
    Field(discriminator="type"),
    TypeShorthand,
]


class NoPosition(Spec):
    """No position information."""

    type: Literal["none"] = "none"


class LearnedPosition(Spec):
    """A learned table added at the start of the stage, class token included (DeiT; PVT)."""

    type: Literal["learned"] = "learned"


class SinusoidPosition(Spec):
    """A fixed table of sine waves added as `LearnedPosition` adds its own (T2T-ViT)."""

    type: Literal["sinusoid"] = "sinusoid"


class RelativeBias(Spec):
    """A learned bias per head and relative offset, inside every attention of the stage (Swin)."""

    type: Literal["relative_bias"] = "relative_bias"


class ConditionalPosition(Spec):
    """Depthwise convolution with a residual (conditional position encoding).

    Attributes:
        kernel_size: side of its kernel (odd).
        placement: once after the first block of the stage (SepViT), or before the local
            aggregation and before the attention of every block (EdgeViT).
    """

    type: Literal["conditional"] = "conditional"
    kernel_size: Count = 3
    placement: Literal["after_first_block", "every_block"] = "after_first_block"


Position = Annotated[
    NoPosition | LearnedPosition | SinusoidPosition | RelativeBias | ConditionalPosition,
    Field(discriminator="type"),
    TypeShorthand,
]

Pooling = Literal["mean", "mean_all", "class_token"]
Norm = Literal["layer", "batch", "none"]


class PooledHead(Spec):
    """Norm, pooling, linear classifier.

    Attributes:
        pooling: mean over the map; mean over the map and the extra tokens; or the class token.
        norm: before pooling.
    """

    type: Literal["pooled"] = "pooled"
    pooling: Pooling = "mean"
    norm: Norm = "layer"


class NeckHead(Spec):
    """Norm, then linear, layer norm and GELU on every token, pooling, classifier (LightViT).

    Attributes:
        width: channels of the neck.
        pooling: as in `PooledHead`.
        norm: before the neck.
    """

    type: Literal["neck"] = "neck"
    width: Count
    pooling: Pooling = "mean_all"
    norm: Norm = "layer"


Head = Annotated[PooledHead | NeckHead, Field(discriminator="type"), TypeShorthand]
