"""An architecture in one readable line."""

from archsearch.arch.architecture import Arch, Block, Stage
from archsearch.image_size import size_text


def summary(arch: Arch) -> str:
    """Return one line such as ``32px conv/2 | 2x32 window_global(w8,t4) bi_dimensional x4 | ...``.

    Stages stand between bars as depth x width, then the attention and FFN of each pattern entry.

    Args:
        arch: the architecture, written as it is, not in its canonical form.

    Examples:
        >>> from archsearch import summary, zoo
        >>> summary(zoo.arch("deit_tiny"))
        '224px patch/16 | 12x192 self_attention mlpx4'
    """
    stages = " | ".join(_stage(stage) for stage in arch.canonical().stages)
    return f"{size_text(arch.image_size)}px {arch.stem.type}/{arch.stem_stride} | {stages}"


def _stage(stage: Stage) -> str:
    return f"{stage.depth}x{stage.width} " + " + ".join(_block(block) for block in stage.blocks)


def _block(block: Block) -> str:
    local = "local+" if block.local_aggregation else ""
    return f"{local}{block.attention.label()} {block.ffn.label()}"
