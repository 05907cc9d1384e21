"""Which extra tokens each stage carries."""

from dataclasses import dataclass

from archsearch.arch import (
    Arch,
    BiDimensionalFfn,
    Block,
    SelfAttention,
    SparseGlobalAttention,
    SpatialReductionAttention,
    WindowGlobalAttention,
)


@dataclass(frozen=True)
class TokenCount:
    """Extra tokens of one stage: whether there is a class token, and how many global tokens."""

    class_token: bool = False
    global_tokens: int = 0

    @property
    def total(self) -> int:
        """Number of extra tokens."""
        return int(self.class_token) + self.global_tokens


def carried_tokens(arch: Arch) -> tuple[TokenCount, ...]:
    """Return the extra tokens of each stage: those it asks for and something reads later on.

    Tokens that no attention, FFN or head reads could not change the output, and their parameters
    would get no gradient; they are not built. Tokens live on into the next stage if it asks for a
    class token too, or for as many global tokens.
    """
    carried: list[TokenCount] = []
    class_read = arch.head.pooling in ("class_token", "mean_all")
    global_read = arch.head.pooling == "mean_all"
    after = TokenCount(class_read, arch.stages[-1].global_tokens if global_read else 0)
    for stage in reversed(arch.stages):
        class_read = after.class_token or any(_reads_all(block) for block in stage.pattern)
        global_read = after.global_tokens == stage.global_tokens or any(
            _reads_all(block) or _broadcasts(block) for block in stage.pattern
        )
        after = TokenCount(
            stage.class_token and class_read, stage.global_tokens if global_read else 0
        )
        carried.append(after)
    return tuple(reversed(carried))


def _reads_all(block: Block) -> bool:
    """Return whether image tokens see every extra token."""
    looks_at_all = SelfAttention | SparseGlobalAttention | SpatialReductionAttention
    return isinstance(block.attention, looks_at_all) or isinstance(block.ffn, BiDimensionalFfn)


def _broadcasts(block: Block) -> bool:
    return isinstance(block.attention, WindowGlobalAttention) and block.attention.broadcast
