"""Which extra tokens each stage carries."""

from archsearch.arch import Arch, Block, TokenCount


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
            _reads_all(block) or _reads_global(block) for block in stage.pattern
        )
        after = TokenCount(
            stage.class_token and class_read, stage.global_tokens if global_read else 0
        )
        carried.append(after)
    return tuple(reversed(carried))


def _reads_all(block: Block) -> bool:
    """Return whether the map depends on every extra token."""
    return "all" in (block.attention.reads_tokens(), block.ffn.reads_tokens())


def _reads_global(block: Block) -> bool:
    return "global" in (block.attention.reads_tokens(), block.ffn.reads_tokens())
