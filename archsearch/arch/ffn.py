"""FFN specifications: what happens to each token after attention."""

from typing import Annotated, Literal

from pydantic import Field

from archsearch.arch.spec import Count, Flag, Ratio, Spec, TypeShorthand


class FfnSpec(Spec):
    """Base of the FFN types."""

    expansion: Ratio = 4.0

    def hidden_width(self, width: int) -> int:
        """Return the hidden channels at block width ``width``."""
        return max(1, round(width * self.expansion))

    def canonical(self) -> "FfnSpec":
        """Return the equal network's simplest form."""
        return self


class NoGate(Spec):
    """No channel gate."""

    type: Literal["none"] = "none"


class SqueezeExcitation(Spec):
    """Squeeze-and-excitation on the hidden channels; ReLU inside, h-sigmoid gate.

    Attributes:
        reduction: hidden channels are divided by this for the squeezed width (at least 1).
    """

    type: Literal["se"] = "se"
    reduction: Count


class EfficientChannelAttention(Spec):
    """ECA on the hidden channels: a 1-D convolution over channels.

    Attributes:
        gate: sigmoid, or its piecewise linear form h_sigmoid.
    """

    type: Literal["eca"] = "eca"
    gate: Literal["sigmoid", "h_sigmoid"] = "sigmoid"


Gate = Annotated[
    NoGate | SqueezeExcitation | EfficientChannelAttention,
    Field(discriminator="type"),
    TypeShorthand,
]


class Mlp(FfnSpec):
    """Linear, GELU, Linear.

    Attributes:
        expansion: hidden width over block width.
    """

    type: Literal["mlp"] = "mlp"


class BiDimensionalFfn(FfnSpec):
    """MLP followed by bi-dimensional attention (LightViT, section 3.3).

    Attributes:
        expansion: hidden width over block width.
        channel: channel gate from the mean over tokens.
        spatial: spatial gate from each token and the mean.
        reduction: block width over the width inside both gates.
    """

    type: Literal["bi_dimensional"] = "bi_dimensional"
    channel: Flag = True
    spatial: Flag = True
    reduction: Count = 4

    def canonical(self) -> FfnSpec:
        """Without both gates it is an MLP."""
        return self if self.channel or self.spatial else Mlp(expansion=self.expansion)


class LocalityFfn(FfnSpec):
    """Inverted residual FFN with a depthwise convolution between its two 1x1 convolutions
    (LocalViT, section 3). Brings its own normalisation (batch norm); extra tokens bypass it.

    Attributes:
        expansion: hidden width over block width.
        depthwise: with the depthwise convolution; off leaves two 1x1 convolutions.
        kernel_size: side of the depthwise kernel (odd).
        activation: after the first two convolutions.
        gate: channel gate on the hidden map.
    """

    type: Literal["locality"] = "locality"
    depthwise: Flag = True
    kernel_size: Count = 3
    activation: Literal["relu6", "h_swish"] = "h_swish"
    gate: Gate = NoGate()

    def canonical(self) -> FfnSpec:
        """Without the depthwise convolution its kernel size has no effect."""
        return self if self.depthwise else self.changed(kernel_size=3)


Ffn = Annotated[
    Mlp | BiDimensionalFfn | LocalityFfn,
    Field(discriminator="type"),
    TypeShorthand,
]
