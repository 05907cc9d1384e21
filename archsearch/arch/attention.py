"""Attention specifications."""

from typing import Annotated, ClassVar, Literal

from pydantic import SerializeAsAny

from archsearch.arch.mixer import Drawing, MixerSpec, TokensRead
from archsearch.arch.mixer_types import MixerTypes
from archsearch.arch.spec import Count, Flag, TypeShorthand


class AttentionSpec(MixerSpec):
    """Base of the attention types."""

    @property
    def num_global_tokens(self) -> int:
        """Global tokens that this attention asks for."""
        return 0

    def drawing(self) -> Drawing:
        """Return how the drawing of a network shows this attention."""
        values = [f"{name} {value}" for name, value in self.to_dict().items() if name != "type"]
        return Drawing(", ".join(values).replace("_", " "))

    def canonical(self, side: int) -> "AttentionSpec":
        """Return the equal network's simplest form on a map whose longer side has ``side`` tokens.

        Parameters that have no effect there take their default.
        """
        return self


class SelfAttention(AttentionSpec):
    """Multi-head self-attention over the whole map (DeiT; ViT)."""

    type: Literal["self_attention"] = "self_attention"
    qkv_bias: Flag = True

    def label(self) -> str:
        """Return ``self_attention``."""
        return self.type

    def drawing(self) -> Drawing:
        """Every token looks at every token."""
        return Drawing()


class WindowAttention(AttentionSpec):
    """Self-attention inside windows (Swin).

    Attributes:
        window_size: side of a window in tokens; where the map has fewer rows or columns, the
            window has as many as the map.
        shift: shift the windows by half a window, and mask across the seam.
    """

    tokens_read: ClassVar[TokensRead] = "none"
    updates_class_token: ClassVar[bool] = False

    type: Literal["window"] = "window"
    window_size: Count
    shift: Flag = False
    qkv_bias: Flag = True

    def label(self) -> str:
        """Return e.g. ``window(w8,shift)``."""
        return f"window(w{self.window_size}{',shift' if self.shift else ''})"

    def drawing(self) -> Drawing:
        """Tokens look at their window."""
        shifted = ", shifted" if self.shift else ""
        return Drawing(f"window {self.window_size}{shifted}", "windows", self.window_size)

    def canonical(self, side: int) -> AttentionSpec:
        """Clamp the window to the map; one window cannot be shifted."""
        size = min(self.window_size, side)
        return self.changed(window_size=size, shift=self.shift and size < side)


class WindowGlobalAttention(AttentionSpec):
    """Window attention plus global tokens that aggregate and broadcast (LightViT, section 3.2).

    Attributes:
        window_size: side of a window in tokens.
        global_tokens: number of learned tokens carried beside the map.
        aggregation: global tokens attend to all image tokens.
        broadcast: image tokens attend to the global tokens.
    """

    # it updates the global tokens only
    updates_class_token: ClassVar[bool] = False

    type: Literal["window_global"] = "window_global"
    window_size: Count
    global_tokens: Count
    aggregation: Flag = True
    broadcast: Flag = True
    qkv_bias: Flag = True

    @property
    def num_global_tokens(self) -> int:
        """Global tokens that this attention asks for."""
        return self.global_tokens

    def reads_tokens(self) -> TokensRead:
        """Return ``global`` where the global tokens are broadcast to the map."""
        return "global" if self.broadcast else "none"

    def label(self) -> str:
        """Return e.g. ``window_global(w8,t4)``."""
        return f"window_global(w{self.window_size},t{self.global_tokens})"

    def drawing(self) -> Drawing:
        """Tokens look at their window, and at the global tokens."""
        off = [word for word in ("aggregation", "broadcast") if not getattr(self, word)]
        detail = f"window {self.window_size}, {self.global_tokens} tokens"
        detail += "".join(f", no {word}" for word in off)
        return Drawing(detail, "windows", self.window_size, self.global_tokens)

    def canonical(self, side: int) -> AttentionSpec:
        """Clamp the window to the map."""
        return self.changed(window_size=min(self.window_size, side))


class SparseGlobalAttention(AttentionSpec):
    """Self-attention among one sample of each r x r patch (EdgeViT, section 3.1).

    Attributes:
        sample_rate: r, side of the patch that one sample stands for; 1 is full attention.
        sampler: how the sample is taken.
        propagation: how samples are spread back over the map (local propagation).
    """

    type: Literal["sparse_global"] = "sparse_global"
    sample_rate: Count
    sampler: Literal["top_left", "center", "average", "max"] = "top_left"
    propagation: Literal["transposed_conv", "bilinear", "nearest", "none"] = "transposed_conv"
    qkv_bias: Flag = True

    def label(self) -> str:
        """Return e.g. ``sparse_global(r2)``."""
        return f"sparse_global(r{self.sample_rate})"

    def drawing(self) -> Drawing:
        """One sample of each patch looks at all samples."""
        detail = f"r {self.sample_rate}, {self.sampler.replace('_', ' ')}"
        return Drawing(detail, "samples", self.sample_rate)

    def canonical(self, side: int) -> AttentionSpec:
        """Clamp r to the map; a sample of every token is plain self-attention."""
        rate = min(self.sample_rate, side)
        if rate == 1:
            return SelfAttention(qkv_bias=self.qkv_bias)
        return self.changed(sample_rate=rate)


class SeparableAttention(AttentionSpec):
    """Depthwise separable self-attention over windows (SepViT, section 3.2).

    The depthwise part attends inside each window over its pixels and one window token; the
    pointwise part attends among windows, with queries and keys made from the window tokens.

    Attributes:
        window_size: side of a window in tokens.
        group_count: g x g neighbouring windows form one group that is attended to as one window
            of side ``g * window_size`` (grouped self-attention, section 3.3).
        window_token: ``learned`` or ``zero``, a token that attends with its window's pixels;
            ``average`` or ``depthwise_conv``, made of what they attended to.
        pointwise: exchange between windows; off leaves the depthwise part alone.
    """

    tokens_read: ClassVar[TokensRead] = "none"
    updates_class_token: ClassVar[bool] = False

    type: Literal["separable"] = "separable"
    window_size: Count
    group_count: Count = 1
    window_token: Literal["learned", "zero", "average", "depthwise_conv"] = "learned"
    pointwise: Flag = True
    qkv_bias: Flag = True

    @property
    def group_size(self) -> int:
        """Side, in tokens, of the region that the depthwise part attends in."""
        return self.window_size * self.group_count

    def label(self) -> str:
        """Return e.g. ``separable(w8)``, with the side of a group."""
        return f"separable(w{self.group_size})"

    def drawing(self) -> Drawing:
        """Tokens look at their group of windows; then windows look at windows."""
        off = "" if self.pointwise else ", no pointwise"
        return Drawing(f"window {self.group_size}{off}", "windows", self.group_size)

    def canonical(self, side: int) -> AttentionSpec:
        """Clamp the group to the map; a single group has no window token and no pointwise part."""
        if self.group_size >= side:
            return SeparableAttention(window_size=side, qkv_bias=self.qkv_bias)
        return self.changed(window_size=self.group_size, group_count=1)


class SpatialReductionAttention(AttentionSpec):
    """Self-attention with keys and values from a map reduced r x r (PVT).

    Attributes:
        reduction: side of the patch that one key stands for; 1 is full attention.
    """

    type: Literal["spatial_reduction"] = "spatial_reduction"
    reduction: Count
    qkv_bias: Flag = True

    def label(self) -> str:
        """Return e.g. ``spatial_reduction(r2)``."""
        return f"spatial_reduction(r{self.reduction})"

    def drawing(self) -> Drawing:
        """Every token looks at the reduced map."""
        return Drawing(f"r {self.reduction}", "reduced", self.reduction)

    def canonical(self, side: int) -> AttentionSpec:
        """Clamp the reduction to the map; no reduction is plain self-attention."""
        rate = min(self.reduction, side)
        if rate == 1:
            return SelfAttention(qkv_bias=self.qkv_bias)
        return self.changed(reduction=rate)


#: the attention types by name
ATTENTIONS = MixerTypes(
    "attention",
    AttentionSpec,
    [
        SelfAttention,
        WindowAttention,
        WindowGlobalAttention,
        SparseGlobalAttention,
        SeparableAttention,
        SpatialReductionAttention,
    ],
)
Attention = Annotated[SerializeAsAny[AttentionSpec], ATTENTIONS.validator(), TypeShorthand]
