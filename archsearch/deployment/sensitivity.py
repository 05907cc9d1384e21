"""Which blocks of a network must stay in float for int8 to keep its accuracy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class KeptFloat:
    """The blocks that stay in float.

    Attributes:
        blocks: in the order in which their quantisation hurt, the worst first.
        drop: of the accuracy, with these in float.
    """

    blocks: tuple[str, ...]
    drop: float


def keep_accurate(
    blocks: Sequence[str],
    drop_with: Callable[[tuple[str, ...]], float],
    error_with: Callable[[tuple[str, ...]], float],
    max_drop: float,
) -> KeptFloat:
    """Leave out blocks until quantising the others costs at most ``max_drop`` of the accuracy.

    Blocks are left out one after the other, the one first whose leaving out brings the logits
    closest to those of the float network. Errors of logits tell blocks apart on images of which
    the accuracy, which counts whole images, does not change.

    Args:
        blocks: that can be quantised.
        drop_with: accuracy lost with the given blocks in float, 0 to 1.
        error_with: mean squared error of the logits with the given blocks in float.
        max_drop: of the accuracy.
    """
    drop = drop_with(())
    if drop <= max_drop:
        return KeptFloat((), drop)
    errors = {block: error_with((block,)) for block in blocks}
    kept: tuple[str, ...] = ()
    for block in sorted(blocks, key=lambda each: errors[each]):
        kept = (*kept, block)
        drop = drop_with(kept)
        if drop <= max_drop:
            break
    return KeptFloat(kept, drop)
