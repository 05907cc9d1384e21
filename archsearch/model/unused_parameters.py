"""Parts of a network whose output nothing reads."""

from archsearch.arch import Arch


def unused_parts(arch: Arch) -> tuple[str, ...]:
    """Return the names of the last modules that update the map only, where a class token is read.

    A locality FFN leaves the class token alone, so the last one of LocalViT-T changes no logit.
    The papers' code has it all the same.
    """
    if arch.head.pooling != "class_token":
        return ()
    parts = []
    last = len(arch.stages) - 1
    for index, block in reversed(list(enumerate(arch.stages[last].pattern))):
        name = f"stages.{last}.blocks.{index}"
        if block.ffn.updates_class_token:
            break
        parts.append(f"{name}.ffn")
        if block.attention.updates_class_token:
            break
        parts.append(f"{name}.attention")
    return tuple(parts)
