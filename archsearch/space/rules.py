"""Rules of a search, which an architecture must keep beyond being valid."""

from archsearch.arch import Arch, BrokenRule, Spec, arch_problems
from archsearch.arch.spec import Flag


class SearchRules(Spec):
    """Conditions on the architectures of a space; the ``rules:`` section of its file.

    Attributes:
        widths_do_not_shrink: no stage is narrower than the one before it.
        windows_tile_maps: every window divides its map or covers it, so that nothing is padded.
    """

    widths_do_not_shrink: Flag = True
    windows_tile_maps: Flag = False


def broken_rules(arch: Arch, rules: SearchRules) -> list[BrokenRule]:
    """Return every rule that ``arch`` breaks, the rules of the grammar included."""
    broken = arch_problems(arch)
    if rules.widths_do_not_shrink:
        for index in range(1, len(arch.stages)):
            before, width = arch.stages[index - 1].width, arch.stages[index].width
            if width < before:
                rule = f"must be at least the width {before} of the stage before it"
                broken.append(BrokenRule(("stages", index, "width"), rule, width))
    if rules.windows_tile_maps:
        broken.extend(_untiled(arch))
    return broken


def _untiled_rule(rows: int, columns: int, size: int) -> str:
    """Return the rule that windows of ``size`` break on a map; empty where they tile it."""
    sides = ((rows, "rows"), (columns, "columns"))
    left = [f"{side} {name}" for side, name in sides if side % min(size, side)]
    if not left:
        return ""
    if rows == columns:
        return f"must tile the map of side {rows}"
    return f"must tile the {' and '.join(left)} of the map of {rows} x {columns}"


def _untiled(arch: Arch) -> list[BrokenRule]:
    broken = []
    for index, (stage, shape) in enumerate(zip(arch.stages, arch.map_shapes, strict=True)):
        for entry, block in enumerate(stage.blocks):
            attention = block.attention.canonical(max(shape))
            size = getattr(attention, "window_size", max(shape))
            rule = _untiled_rule(*shape, size)
            if rule:
                path = ("stages", index, "blocks", entry, "attention", "window_size")
                broken.append(BrokenRule(path, rule, size))
    return broken
