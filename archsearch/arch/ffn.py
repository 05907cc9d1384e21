"""FFN specifications."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field, SerializeAsAny

from archsearch.arch.mixer import MixerSpec, TokensRead, type_name
from archsearch.arch.mixer_types import MixerTypes
from archsearch.arch.spec import ODD, BrokenRule, Count, Flag, Ratio, Spec, TypeShorthand


class FfnSpec(MixerSpec):
    """Base of the FFN types."""

    #: stochastic depth may skip it
    drops_path: ClassVar[bool] = True

    expansion: Ratio = 4.0

    def label(self) -> str:
        """Return e.g. ``mlp x4``, without the space."""
        return f"{type_name(self)}x{self.expansion:g}"

    def view(self) -> str:
        """Return how the drawing of a network shows this FFN, e.g. ``MLP x4``."""
        return f"{self.words()} x{self.expansion:g}"

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


ChannelGate = Annotated[
    NoGate | SqueezeExcitation | EfficientChannelAttention,
    Field(discriminator="type"),
    TypeShorthand,
]


class Mlp(FfnSpec):
    """Linear, GELU, Linear.

    Attributes:
        expansion: hidden width over block width.
    """

    tokens_read: ClassVar[TokensRead] = "none"

    type: Literal["mlp"] = "mlp"

    def words(self) -> str:
        """Return ``MLP``."""
        return "MLP"


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

    def words(self) -> str:
        """Return the type in words."""
        return "bi-dimensional"

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

    tokens_read: ClassVar[TokensRead] = "none"
    updates_class_token: ClassVar[bool] = False
    # the code of the paper has none here
    drops_path: ClassVar[bool] = False

    type: Literal["locality"] = "locality"
    depthwise: Flag = True
    kernel_size: Count = 3
    activation: Literal["relu6", "h_swish"] = "h_swish"
    gate: ChannelGate = NoGate()

    def label(self) -> str:
        """Return e.g. ``locality+sex4``: gate and expansion."""
        gate = "" if self.gate.type == "none" else f"+{self.gate.type}"
        return f"locality{gate}x{self.expansion:g}"

    def view(self) -> str:
        """Return e.g. ``locality + SE x4``."""
        gate = "" if self.gate.type == "none" else f" + {self.gate.type.upper()}"
        return f"locality{gate} x{self.expansion:g}"

    def problems(self) -> Iterator[BrokenRule]:
        """Yield an even kernel."""
        if self.kernel_size % 2 == 0:
            yield BrokenRule(("kernel_size",), ODD, self.kernel_size)

    def canonical(self) -> FfnSpec:
        """Without the depthwise convolution its kernel size has no effect."""
        return self if self.depthwise else self.changed(kernel_size=3)


#: the FFN types by name
FFNS = MixerTypes("ffn", FfnSpec, [Mlp, BiDimensionalFfn, LocalityFfn])
Ffn = Annotated[SerializeAsAny[FfnSpec], FFNS.validator(), TypeShorthand]
