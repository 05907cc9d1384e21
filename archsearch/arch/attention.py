"""Attention specifications: which tokens look at which."""

from typing import Annotated, Literal

from pydantic import Field

from archsearch.arch.spec import Count, Flag, Spec, TypeShorthand


class AttentionSpec(Spec):
    """Base of the attention types."""

    def canonical(self, side: int) -> "AttentionSpec":
        """Return the equal network's simplest form on a map of ``side`` x ``side`` tokens.

        Parameters that have no effect there take their default.
        """
        return self


class SelfAttention(AttentionSpec):
    """Multi-head self-attention over the whole map (DeiT; ViT)."""

    type: Literal["self_attention"] = "self_attention"
    qkv_bias: Flag = True


class WindowAttention(AttentionSpec):
    """Self-attention inside windows (Swin).

    Attributes:
        window_size: side of a window in tokens; at most the side of the map takes effect.
        shift: shift the windows by half a window, and mask across the seam.
    """

    type: Literal["window"] = "window"
    window_size: Count
    shift: Flag = False
    qkv_bias: Flag = True

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

    type: Literal["window_global"] = "window_global"
    window_size: Count
    global_tokens: Count
    aggregation: Flag = True
    broadcast: Flag = True
    qkv_bias: Flag = True

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
        window_token: how a window's token starts.
        pointwise: exchange between windows; off leaves the depthwise part alone.
    """

    type: Literal["separable"] = "separable"
    window_size: Count
    group_count: Count = 1
    window_token: Literal["learned", "zero", "average"] = "learned"
    pointwise: Flag = True
    qkv_bias: Flag = True

    @property
    def group_size(self) -> int:
        """Side, in tokens, of the region that the depthwise part attends in."""
        return self.window_size * self.group_count

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

    def canonical(self, side: int) -> AttentionSpec:
        """Clamp the reduction to the map; no reduction is plain self-attention."""
        rate = min(self.reduction, side)
        if rate == 1:
            return SelfAttention(qkv_bias=self.qkv_bias)
        return self.changed(reduction=rate)


Attention = Annotated[
    SelfAttention
    | WindowAttention
    | WindowGlobalAttention
    | SparseGlobalAttention
    | SeparableAttention
    | SpatialReductionAttention,
    Field(discriminator="type"),
    TypeShorthand,
]
