"""The inverse of a space: the parameters that make a given architecture.

Each part of the tree (the stem; the width of a stage; the attention of a block) has few
configurations. Each is put into the architecture in place of the part that is there, and fits if
the canonical form stays the same. Parameters that several parts share must agree.
"""

import copy
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from archsearch.arch import Arch, Block, Stage
from archsearch.space.nodes import Fields, Items, Node, resolve, unfolded
from archsearch.space.parameter import Params
from archsearch.space.parameter_plan import plan_of
from archsearch.yaml_source import KeyPath

#: keys of a stage that say one thing together
_HEADS = ("num_heads", "head_dim")


@dataclass(frozen=True)
class _Part:
    """Some keys of a mapping, with the nodes that they may come from and where they belong."""

    nodes: dict[str, Node]
    keys: tuple[str, ...]
    places: tuple[KeyPath, ...]


class _Target:
    """The architecture that is looked for, its patterns written out over the depth.

    ``shared`` names the parameters that more than one part may depend on.
    """

    def __init__(self, arch: Arch, shared: frozenset[str]) -> None:
        self.shared = shared
        self.arch = arch.canonical()
        self.data = self.arch.to_dict()
        for stage, data in zip(self.arch.stages, self.data["stages"], strict=True):
            data["blocks"] = [block.to_dict() for block in stage.pattern]

    def fits(self, part: _Part, params: Params) -> bool:
        """Return whether the architecture stays the same with ``part`` as ``params`` say."""
        values = {key: resolve(node, params) for key, node in part.nodes.items()}
        data = copy.copy(self.data)
        for place in part.places:
            mapping: Any = data
            for step in place:
                mapping[step] = copy.copy(mapping[step])
                mapping = mapping[step]
            for key in part.keys:
                mapping.pop(key, None)
            mapping.update(values)
        try:
            return Arch.model_validate(data).canonical() == self.arch
        except ValueError:
            return False


def matches(root: Node, arch: Arch) -> Iterator[Params]:
    """Yield parameters under which ``root`` may be ``arch``; the whole is left to be compared."""
    assert isinstance(root, Fields)
    target = _Target(arch, plan_of(root).shared)
    parts = [_part(root, (key,), ((),)) for key in Arch.model_fields if key != "stages"]
    for given in _agreeing(parts, target, {}):
        for chosen, stages in unfolded(root.items["stages"]):
            if isinstance(stages, Items) and _compatible(given, chosen):
                yield from _stages(stages, target, {**given, **chosen})


def _stages(stages: Items, target: _Target, given: Params) -> Iterator[Params]:
    number = len(target.arch.stages)
    if number > len(stages.items) or (stages.length is None and number < len(stages.items)):
        return
    partial = [given]
    if stages.length is not None:
        counts = plan_of(stages.length).configurations(given)
        partial = [
            {**given, **params} for params in counts if resolve(stages.length, params) == number
        ]
    for index in range(number):
        partial = [
            params
            for each in partial
            for params in _stage(stages.items[index], index, target, each)
        ]
    yield from partial


def _stage(node: Node, index: int, target: _Target, given: Params) -> Iterator[Params]:
    place = ("stages", index)
    keys = [(key,) for key in Stage.model_fields if key not in ("blocks", *_HEADS)]
    for chosen, stage in unfolded(node):
        if not isinstance(stage, Fields) or not _compatible(given, chosen):
            continue
        parts = [_part(stage, each, (place,)) for each in (*keys, _HEADS)]
        for params in _agreeing(parts, target, {**given, **chosen}):
            for more, blocks in unfolded(stage.items["blocks"]):
                if isinstance(blocks, Items) and _compatible(params, more):
                    yield from _blocks(blocks, index, target, {**params, **more})


def _blocks(blocks: Items, index: int, target: _Target, given: Params) -> Iterator[Params]:
    depth = target.arch.stages[index].depth
    for entries in itertools.product(*(list(_entries(node, given)) for node in blocks.items)):
        params, parts = dict(given), []
        once = [number for number, (_, _, repeat) in enumerate(entries) for _ in range(repeat)]
        for number, (chosen, entry, _) in enumerate(entries):
            if not _compatible(params, chosen):
                break
            params.update(chosen)
            places = tuple(
                ("stages", index, "blocks", position)
                for position in range(depth)
                if once[position % len(once)] == number
            )
            keys = [key for key in Block.model_fields if key != "repeat"]
            parts += [_part(entry, (key,), places) for key in keys]
        else:
            yield from _agreeing(parts, target, params)


def _entries(node: Node, given: Params) -> Iterator[tuple[Params, Fields, int]]:
    """Yield every (choices, entry, repeat) that an entry of a pattern may be."""
    for chosen, entry in unfolded(node):
        if not isinstance(entry, Fields) or not _compatible(given, chosen):
            continue
        if "repeat" not in entry.items:
            yield chosen, entry, 1
            continue
        repeat = entry.items["repeat"]
        for params in plan_of(repeat).configurations({**given, **chosen}):
            yield {**chosen, **params}, entry, int(resolve(repeat, params))


def _part(fields: Fields, keys: tuple[str, ...], places: tuple[KeyPath, ...]) -> _Part:
    return _Part({key: fields.items[key] for key in keys if key in fields.items}, keys, places)


def _agreeing(parts: Sequence[_Part], target: _Target, given: Params) -> Iterator[Params]:
    """Yield ``given`` with the parameters under which every part fits."""
    if not parts:
        yield given
        return
    first, rest = parts[0], parts[1:]
    seen = set()
    for params in plan_of(*first.nodes.values()).configurations(given):
        # what no other part depends on need not be tried again when a later part does not fit
        felt = frozenset((name, params[name]) for name in target.shared & params.keys())
        if felt not in seen and target.fits(first, params):
            seen.add(felt)
            yield from _agreeing(rest, target, {**given, **params})


def _compatible(left: Params, right: Params) -> bool:
    return all(left[name] == value for name, value in right.items() if name in left)
