"""Builds a network from its specification: the only place where the two meet."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from archsearch import arch as spec
from archsearch import blocks
from archsearch.activity import doing
from archsearch.arch import Arch, Block, Builder, MixerSpec, Stage, StageContext, TokenCount
from archsearch.errors import InputError, Problem
from archsearch.image_size import sides_of
from archsearch.model.extra_tokens import carried_tokens
from archsearch.model.network import Network
from archsearch.yaml_source import dotted


def build_model(arch: Arch, *, drop_path: float = 0.0, seed: int | None = None) -> Network:
    """Build the network that ``arch`` describes.

    Args:
        arch: the architecture; its canonical form is built.
        drop_path: stochastic depth of the last block; it rises linearly from 0 over the blocks.
        seed: seeds the initial weights, and leaves torch's random state as it was; None draws
            them from torch's random state.

    Returns:
        a module in training mode: ``(B, in_channels, H, W) -> (B, num_classes)``, logits, with
        H and W as ``arch.image_size`` says.

    Raises:
        InputError: the architecture breaks a rule, or ``drop_path`` is not in [0, 1).

    Examples:
        >>> import torch
        >>> from archsearch import build_model, zoo
        >>> model = build_model(zoo.arch("edgevit_xxs", image_size=64, num_classes=10), seed=0)
        >>> model(torch.zeros(2, 3, 64, 64)).shape
        torch.Size([2, 10])
    """
    problems = [
        Problem(dotted(broken.path), broken.rule, broken.value, broken.remedy)
        for broken in spec.arch_problems(arch)
    ]
    if not 0.0 <= drop_path < 1.0:
        problems.append(Problem("drop_path", "must be at least 0 and below 1", drop_path))
    if problems:
        raise InputError(problems)
    if seed is None:
        network = _build(arch.canonical(), drop_path)
    else:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = _build(arch.canonical(), drop_path)
    network.declared_arch = arch
    return network


def _build(arch: Arch, drop_path: float) -> Network:
    depth = sum(stage.depth for stage in arch.stages)
    rates = iter([drop_path * index / max(1, depth - 1) for index in range(depth)])
    counts = carried_tokens(arch)
    stem = _stem(arch)
    stages = []
    for index, (stage, map_size, tokens) in enumerate(
        zip(arch.stages, arch.map_sizes, counts, strict=True)
    ):
        context = StageContext(
            width=stage.width,
            num_heads=stage.heads,
            map_size=map_size,
            tokens=tokens,
            relative_bias=isinstance(stage.position, spec.RelativeBias),
            norm_eps=arch.norm_eps,
        )
        before = arch.stages[index - 1] if index else None
        stages.append(
            blocks.Stage(
                [_block(block, stage.position, context, next(rates)) for block in stage.pattern],
                downsample=_downsample(stage, before),
                tokens=_extra_tokens(stage, before, tokens, counts[index - 1] if index else None),
                position=_position(stage.position, context),
                position_after_first=_position_after_first(stage.position, context),
                inner=_inners(stage, arch, context),
            )
        )
    network = Network(arch, stem, stages, _head(arch))
    return network.apply(blocks.initialize)


# ---- stem, between stages, head ----


def _stem(arch: Arch) -> nn.Module:
    stem, width = arch.stem, arch.stages[0].width
    if isinstance(stem, spec.PatchStem):
        kernel = stem.kernel_size or stem.patch_size
        return blocks.PatchEmbedding(
            arch.in_channels, width, stem.patch_size, kernel, norm=stem.norm
        )
    if isinstance(stem, spec.TokensToTokenStem):
        context = StageContext(stem.width, 1, 0, TokenCount(), False, 1e-5)
        first, second = (_made(stem.ffn, context, _FFNS) for _ in range(2))
        return blocks.TokensToToken(
            arch.in_channels,
            width,
            stem.stride,
            stem.width,
            stem.num_features,
            (first, second),
            idle_norms=isinstance(stem.ffn, spec.LocalityFfn),
        )
    if isinstance(stem, spec.PixelStem):
        return blocks.PixelStem(
            arch.in_channels,
            width,
            stem.patch_size,
            stem.width,
            stem.pixel_size,
            patchwise=stem.patchwise,
        )
    return blocks.ConvStem(arch.in_channels, width, stem.stride)


_DOWNSAMPLES: dict[type[Any], Callable[[int, int], nn.Module]] = {
    spec.ResidualMerge: blocks.ResidualMerge,
    spec.Merge: blocks.Merge,
    spec.ConvDownsample: lambda before, width: blocks.PatchEmbedding(before, width, 2, 2),
    spec.OverlappingConvDownsample: lambda before, width: blocks.PatchEmbedding(
        before, width, 2, 3
    ),
}


def _downsample(stage: Stage, before: Stage | None) -> nn.Module | None:
    if before is None:
        return None
    if stage.downsample is not None:
        return _DOWNSAMPLES[type(stage.downsample)](before.width, stage.width)
    return None if before.width == stage.width else blocks.WidthAdapter(before.width, stage.width)


def _extra_tokens(
    stage: Stage, before: Stage | None, tokens: TokenCount, tokens_before: TokenCount | None
) -> nn.Module | None:
    if tokens.total == 0:
        return None
    if before is None or tokens_before is None or not _carries(tokens_before, tokens):
        return blocks.LearnedTokens(
            stage.width, class_token=tokens.class_token, global_tokens=tokens.global_tokens
        )
    return blocks.CarriedTokens(
        before.width,
        stage.width,
        class_token=tokens.class_token,
        global_tokens=tokens.global_tokens,
        in_class_token=tokens_before.class_token,
        in_global_tokens=tokens_before.global_tokens,
        project=stage.downsample is not None or before.width != stage.width,
    )


def _carries(before: TokenCount, after: TokenCount) -> bool:
    """Return whether tokens live on from one stage into the next."""
    same_class_token = before.class_token and after.class_token
    return same_class_token or 0 < before.global_tokens == after.global_tokens


def _head(arch: Arch) -> blocks.Head:
    return blocks.Head(
        arch.stages[-1].width,
        arch.num_classes,
        pooling=arch.head.pooling,
        norm=arch.head.norm,
        neck_dim=arch.head.width if isinstance(arch.head, spec.NeckHead) else None,
        norm_eps=arch.norm_eps,
    )


# ---- positions ----


def _position(position: spec.Position, context: StageContext) -> nn.Module | None:
    has_class_token = context.tokens.class_token
    if isinstance(position, spec.LearnedPosition):
        return blocks.LearnedPosition(context.width, context.map_size, class_token=has_class_token)
    if isinstance(position, spec.SinusoidPosition):
        return blocks.sinusoid_table(context.width, context.map_size, class_token=has_class_token)
    return None


def _position_after_first(position: spec.Position, context: StageContext) -> nn.Module | None:
    if not isinstance(position, spec.ConditionalPosition) or position.placement == "every_block":
        return None
    return blocks.ConditionalPosition(context.width, position.kernel_size)


def _position_in_block(position: spec.Position, context: StageContext) -> nn.Module | None:
    if not isinstance(position, spec.ConditionalPosition) or position.placement != "every_block":
        return None
    return blocks.ConditionalPosition(context.width, position.kernel_size)


# ---- blocks ----


def _block(
    block: Block, position: spec.Position, context: StageContext, drop_path: float
) -> blocks.TransformerBlock:
    local = block.local_aggregation
    # parts are made in the order of the parameters, as they are in an exported file: the same
    # seed then gives both the same weights
    return blocks.TransformerBlock(
        _made(block.attention, context, _ATTENTIONS),
        _made(block.ffn, context, _FFNS),
        local_position=None if local is None else _position_in_block(position, context),
        local_aggregation=None if local is None else _local_aggregation(local, context, drop_path),
        position=_position_in_block(position, context),
        attention_drop_path=drop_path,
        ffn_drop_path=drop_path if block.ffn.drops_path else 0.0,
    )


def _made(
    mixer: MixerSpec, context: StageContext, builders: Mapping[type[Any], Builder]
) -> nn.Module:
    """Build an attention or FFN; a type from elsewhere builds itself, and may take its time."""
    builder = builders.get(type(mixer))
    if builder is not None:
        module = builder(mixer, context)
    else:
        name = str(getattr(mixer, "type", spec.type_name(mixer)))
        with doing(f"building {name.partition('@')[0]}"):
            module = mixer.build(context)
    if not isinstance(module, nn.Module):
        rule = f"must have a build() that returns a torch.nn.Module, not {type(module).__name__}"
        raise InputError(Problem("type", rule, spec.type_name(mixer)))
    return module


def _local_aggregation(
    local: spec.LocalAggregation, context: StageContext, drop_path: float
) -> nn.Module:
    return blocks.LocalAggregation(
        context.width,
        max(1, round(context.width * local.expansion)),
        kernel_size=local.kernel_size,
        drop_path=drop_path,
    )


def _inners(stage: Stage, arch: Arch, context: StageContext) -> Sequence[nn.Module | None]:
    inners = [_inner(block, arch, context) for block in stage.pattern]
    return inners if any(inners) else ()


def _inner(block: Block, arch: Arch, context: StageContext) -> nn.Module | None:
    inner, stem = block.inner, arch.stem
    if inner is None or not isinstance(stem, spec.PixelStem):
        return None
    return blocks.PixelTransformer(
        context.width,
        stem.width,
        stem.num_pixels,
        inner.num_heads,
        max(1, round(stem.width * inner.expansion)),
        qkv_bias=inner.qkv_bias,
        patch_norm=inner.patch_norm,
        norm_eps=context.norm_eps,
    )


def _self_attention(attention: spec.SelfAttention, context: StageContext) -> nn.Module:
    return blocks.SelfAttention(
        context.width,
        context.num_heads,
        context.map_size,
        qkv_bias=attention.qkv_bias,
        relative_bias=context.relative_bias,
        norm_eps=context.norm_eps,
    )


def _window(attention: spec.WindowAttention, context: StageContext) -> nn.Module:
    return blocks.WindowAttention(
        context.width,
        context.num_heads,
        context.map_size,
        context.within_map(attention.window_size),
        shift=attention.shift,
        qkv_bias=attention.qkv_bias,
        relative_bias=context.relative_bias,
        norm_eps=context.norm_eps,
    )


def _window_global(attention: spec.WindowGlobalAttention, context: StageContext) -> nn.Module:
    carried = context.tokens.global_tokens > 0
    return blocks.WindowGlobalAttention(
        context.width,
        context.num_heads,
        context.map_size,
        context.within_map(attention.window_size),
        skip_tokens=int(context.tokens.class_token),
        aggregation=attention.aggregation and carried,
        broadcast=attention.broadcast and carried,
        qkv_bias=attention.qkv_bias,
        relative_bias=context.relative_bias,
        norm_eps=context.norm_eps,
    )


def _sparse_global(attention: spec.SparseGlobalAttention, context: StageContext) -> nn.Module:
    return blocks.SparseGlobalAttention(
        context.width,
        context.num_heads,
        context.map_size,
        context.within_map(attention.sample_rate),
        sampler=attention.sampler,
        propagation=attention.propagation,
        qkv_bias=attention.qkv_bias,
        relative_bias=context.relative_bias,
        norm_eps=context.norm_eps,
    )


def _separable(attention: spec.SeparableAttention, context: StageContext) -> nn.Module:
    if attention.group_size >= max(sides_of(context.map_size)):
        return blocks.SingleGroupAttention(
            context.width,
            context.num_heads,
            context.map_size,
            qkv_bias=attention.qkv_bias,
            relative_bias=context.relative_bias,
            norm_eps=context.norm_eps,
        )
    return blocks.SeparableAttention(
        context.width,
        context.num_heads,
        context.map_size,
        context.within_map(attention.group_size),
        window_token=attention.window_token,
        pointwise=attention.pointwise,
        qkv_bias=attention.qkv_bias,
        relative_bias=context.relative_bias,
        norm_eps=context.norm_eps,
    )


def _spatial_reduction(
    attention: spec.SpatialReductionAttention, context: StageContext
) -> nn.Module:
    return blocks.SpatialReductionAttention(
        context.width,
        context.num_heads,
        context.within_map(attention.reduction),
        qkv_bias=attention.qkv_bias,
        norm_eps=context.norm_eps,
    )


_ATTENTIONS: dict[type[Any], Builder] = {
    spec.SelfAttention: _self_attention,
    spec.WindowAttention: _window,
    spec.WindowGlobalAttention: _window_global,
    spec.SparseGlobalAttention: _sparse_global,
    spec.SeparableAttention: _separable,
    spec.SpatialReductionAttention: _spatial_reduction,
}


def _mlp(ffn: spec.Mlp, context: StageContext) -> nn.Module:
    return blocks.Mlp(context.width, ffn.hidden_width(context.width), norm_eps=context.norm_eps)


def _bi_dimensional(ffn: spec.BiDimensionalFfn, context: StageContext) -> nn.Module:
    return blocks.BiDimensionalFfn(
        context.width,
        ffn.hidden_width(context.width),
        channel=ffn.channel,
        spatial=ffn.spatial,
        reduction=ffn.reduction,
        norm_eps=context.norm_eps,
    )


def _locality(ffn: spec.LocalityFfn, context: StageContext) -> nn.Module:
    hidden = ffn.hidden_width(context.width)
    gate: nn.Module | None = None
    if isinstance(ffn.gate, spec.SqueezeExcitation):
        gate = blocks.SqueezeExcitation(hidden, max(1, hidden // ffn.gate.reduction))
    elif isinstance(ffn.gate, spec.EfficientChannelAttention):
        gate = blocks.EfficientChannelAttention(hidden, hard=ffn.gate.gate == "h_sigmoid")
    return blocks.LocalityFfn(
        context.width,
        hidden,
        kernel_size=ffn.kernel_size if ffn.depthwise else None,
        activation=nn.ReLU6 if ffn.activation == "relu6" else nn.Hardswish,
        gate=gate,
    )


_FFNS: dict[type[Any], Builder] = {
    spec.Mlp: _mlp,
    spec.BiDimensionalFfn: _bi_dimensional,
    spec.LocalityFfn: _locality,
}
