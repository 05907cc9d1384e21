"""The papers' networks as architectures, for tests: shapes from their official code."""

from typing import Any

from archsearch.arch import (
    Arch,
    BiDimensionalFfn,
    Block,
    ConditionalPosition,
    ConvDownsample,
    ConvStem,
    LearnedPosition,
    LocalAggregation,
    LocalityFfn,
    Merge,
    Mlp,
    NeckHead,
    OverlappingConvDownsample,
    PatchStem,
    PooledHead,
    RelativeBias,
    ResidualMerge,
    SelfAttention,
    SeparableAttention,
    SparseGlobalAttention,
    SpatialReductionAttention,
    SqueezeExcitation,
    Stage,
    WindowAttention,
    WindowGlobalAttention,
)


def lightvit(
    widths=(64, 128, 256), depths=(2, 6, 6), tokens: int = 8, bi: bool = True, **attention: Any
) -> Arch:
    stages = []
    for index, (width, depth, expansion) in enumerate(zip(widths, depths, (8, 4, 4), strict=True)):
        ffn = BiDimensionalFfn(expansion=expansion) if bi else Mlp(expansion=expansion)
        mixer = WindowGlobalAttention(window_size=7, global_tokens=tokens, **attention)
        stages.append(
            Stage(
                depth=depth,
                width=width,
                head_dim=32,
                downsample=ResidualMerge() if index else None,
                position=RelativeBias(),
                blocks=(Block(attention=mixer, ffn=ffn),),
            )
        )
    return Arch(stem=ConvStem(stride=8), stages=tuple(stages), head=NeckHead(width=1280))


def edgevit(
    widths=(36, 72, 144, 288),
    depths=(1, 1, 3, 2),
    head_dim: int = 36,
    rates=(4, 2, 2, 1),
    local: bool = True,
) -> Arch:
    stages = []
    for index, (width, depth, rate) in enumerate(zip(widths, depths, rates, strict=True)):
        block = Block(
            attention=SparseGlobalAttention(sample_rate=rate),
            ffn=Mlp(),
            local_aggregation=LocalAggregation() if rate > 1 and local else None,
        )
        stages.append(
            Stage(
                depth=depth,
                width=width,
                num_heads=width // head_dim,
                downsample=ConvDownsample() if index else None,
                position=ConditionalPosition(placement="every_block"),
                blocks=(block,),
            )
        )
    return Arch(stem=PatchStem(patch_size=4), stages=tuple(stages), head=PooledHead(norm="batch"))


def deit(
    width: int = 192,
    num_heads: int = 3,
    depth: int = 12,
    ffn: Any = None,
    low: int = 0,
    low_ffn: Any = None,
) -> Arch:
    block = Block(attention=SelfAttention(), ffn=ffn or Mlp())
    pattern: tuple[Block, ...] = (block,)
    if low:
        pattern = (
            Block(attention=SelfAttention(), ffn=low_ffn, repeat=low),
            Block(attention=SelfAttention(), ffn=ffn or Mlp(), repeat=depth - low),
        )
    stage = Stage(
        depth=depth,
        width=width,
        num_heads=num_heads,
        position=LearnedPosition(),
        class_token=True,
        blocks=pattern,
    )
    return Arch(
        stem=PatchStem(patch_size=16, norm=False),
        stages=(stage,),
        head=PooledHead(pooling="class_token"),
    )


def localvit(ffn: LocalityFfn, **options: Any) -> Arch:
    return deit(num_heads=4, ffn=ffn, **options)


def sepvit(
    widths=(32, 64, 128, 256),
    depths=(1, 2, 6, 2),
    windows=((7,), (7, 14), (7, 14), (7, 7)),
    kernel: int = 7,
    position: bool = True,
) -> Arch:
    stages = []
    for index, (width, depth, sizes) in enumerate(zip(widths, depths, windows, strict=True)):
        stages.append(
            Stage(
                depth=depth,
                width=width,
                head_dim=32,
                downsample=OverlappingConvDownsample() if index else None,
                position=ConditionalPosition() if position else "none",
                blocks=tuple(
                    Block(attention=SeparableAttention(window_size=size), ffn=Mlp())
                    for size in sizes
                ),
            )
        )
    return Arch(stem=PatchStem(patch_size=4, kernel_size=kernel), stages=tuple(stages))


def pvt(locality: bool = False) -> Arch:
    stages = []
    shape = zip((64, 128, 320, 512), (1, 2, 5, 8), (8, 8, 4, 4), (8, 4, 2, 1), strict=True)
    for index, (width, heads, expansion, rate) in enumerate(shape):
        gated = LocalityFfn(expansion=expansion, gate=SqueezeExcitation(reduction=width))
        stages.append(
            Stage(
                depth=2,
                width=width,
                num_heads=heads,
                downsample=ConvDownsample() if index else None,
                position=LearnedPosition(),
                class_token=index == 3,
                blocks=(
                    Block(
                        attention=SpatialReductionAttention(reduction=rate),
                        ffn=gated if locality else Mlp(expansion=expansion),
                    ),
                ),
            )
        )
    return Arch(
        stem=PatchStem(patch_size=4), stages=tuple(stages), head=PooledHead(pooling="class_token")
    )


def swin(locality: bool = False) -> Arch:
    stages = []
    for index, (width, depth) in enumerate(zip((96, 192, 384, 768), (2, 2, 6, 2), strict=True)):
        ffn: Any = Mlp()
        if locality:
            ffn = LocalityFfn(gate=SqueezeExcitation(reduction=width // 4))
        stages.append(
            Stage(
                depth=depth,
                width=width,
                head_dim=32,
                downsample=Merge() if index else None,
                position=RelativeBias(),
                blocks=(
                    Block(attention=WindowAttention(window_size=7), ffn=ffn),
                    Block(attention=WindowAttention(window_size=7, shift=True), ffn=ffn),
                ),
            )
        )
    return Arch(stem=PatchStem(patch_size=4), stages=tuple(stages), norm_eps=1e-5)
