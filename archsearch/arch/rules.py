"""Rules that hold between the values of an architecture."""

from collections.abc import Iterator
from dataclasses import replace

from archsearch.arch.architecture import Arch, Stage
from archsearch.arch.attention import AttentionSpec
from archsearch.arch.ffn import FfnSpec
from archsearch.arch.parts import ConditionalPosition, PixelStem, TokensToTokenStem
from archsearch.arch.spec import ODD, BrokenRule
from archsearch.yaml_source import KeyPath


def arch_problems(arch: Arch) -> list[BrokenRule]:
    """Return every rule that ``arch`` breaks; an empty list means that it can be built."""
    problems = [
        BrokenRule(("stages", index, *problem.path), problem.rule, problem.value, problem.remedy)
        for index, stage in enumerate(arch.stages)
        for problem in _stage_problems(stage)
    ]
    if arch.stages[0].downsample is not None:
        problems.append(
            BrokenRule(
                ("stages", 0, "downsample"),
                "the first stage must have none: the stem makes its map",
                arch.stages[0].downsample.type,
                "remove it",
            )
        )
    problems.extend(_stem_problems(arch))
    if arch.head.pooling == "class_token" and not arch.stages[-1].class_token:
        problems.append(
            BrokenRule(
                ("head", "pooling"),
                "needs a class token in the last stage",
                None,
                "set class_token: true there, or use pooling: mean",
            )
        )
    return problems


def _stem_problems(arch: Arch) -> Iterator[BrokenRule]:
    stem = arch.stem
    if isinstance(stem, PixelStem) and stem.patch_size % stem.pixel_size:
        remedy = f"use {_divisors_near(stem.patch_size, stem.pixel_size)}"
        rule = f"must divide the patch size {stem.patch_size}"
        yield BrokenRule(("stem", "pixel_size"), rule, stem.pixel_size, remedy)
    if isinstance(stem, TokensToTokenStem):
        yield from _own_problems(stem.ffn, ("stem", "ffn"))
    for index, stage in enumerate(arch.stages):
        for position, block in enumerate(stage.blocks):
            path = ("stages", index, "blocks", position, "inner")
            if block.inner is None:
                continue
            if index > 0 or not isinstance(stem, PixelStem):
                yield BrokenRule(
                    path,
                    "needs the finer pixels, which only a pixel stem makes, for the first stage",
                    None,
                    "remove it, or set stem: {type: pixel, ...}",
                )
            elif stem.width % block.inner.num_heads:
                remedy = f"use {_divisors_near(stem.width, block.inner.num_heads)}"
                rule = f"must divide the width {stem.width} of the pixels"
                yield BrokenRule((*path, "num_heads"), rule, block.inner.num_heads, remedy)


def _stage_problems(stage: Stage) -> Iterator[BrokenRule]:
    if (stage.num_heads is None) == (stage.head_dim is None):
        given = "both" if stage.num_heads is not None else "neither"
        yield BrokenRule(
            ("num_heads",), f"exactly one of num_heads and head_dim must be given, not {given}"
        )
    elif stage.head_dim is not None and stage.width % stage.head_dim:
        yield BrokenRule(
            ("head_dim",),
            f"must divide the width {stage.width}",
            stage.head_dim,
            f"use {_divisors_near(stage.width, stage.head_dim)}",
        )
    elif stage.num_heads is not None and stage.width % stage.num_heads:
        yield BrokenRule(
            ("num_heads",),
            f"must divide the width {stage.width}",
            stage.num_heads,
            f"use {_divisors_near(stage.width, stage.num_heads)}",
        )
    tokens = {block.attention.num_global_tokens for block in stage.blocks} - {0}
    if len(tokens) > 1:
        yield BrokenRule(
            ("blocks",),
            "all blocks of a stage must share one number of global tokens",
            sorted(tokens),
        )
    if isinstance(stage.position, ConditionalPosition) and stage.position.kernel_size % 2 == 0:
        yield BrokenRule(("position", "kernel_size"), ODD, stage.position.kernel_size)
    for index, block in enumerate(stage.blocks):
        path = ("blocks", index)
        yield from _own_problems(block.attention, (*path, "attention"))
        yield from _own_problems(block.ffn, (*path, "ffn"))
        local = block.local_aggregation
        if local is not None and local.kernel_size % 2 == 0:
            yield BrokenRule((*path, "local_aggregation", "kernel_size"), ODD, local.kernel_size)


def _own_problems(spec: AttentionSpec | FfnSpec, path: KeyPath) -> Iterator[BrokenRule]:
    """Yield what is wrong within one attention or FFN, at its place in the stage or stem."""
    for broken in spec.problems():
        yield replace(broken, path=(*path, *broken.path))


def _divisors_near(width: int, wanted: int) -> str:
    """Return the divisors of ``width`` next to ``wanted``, for a remedy."""
    divisors = [n for n in range(1, width + 1) if width % n == 0]
    below = [n for n in divisors if n < wanted]
    above = [n for n in divisors if n > wanted]
    return " or ".join(str(n) for n in (*below[-1:], *above[:1]))
