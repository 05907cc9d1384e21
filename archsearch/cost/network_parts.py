"""The sub-blocks that an architecture is put together from, each with a key that says its shape."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from archsearch.arch import Arch, Block, ConditionalPosition, RelativeBias, Spec, Stage
from archsearch.image_size import ImageSize, size_text
from archsearch.model.extra_tokens import carried_tokens

#: what is left of a network when all parts are taken away
REST = "rest"


@dataclass(frozen=True)
class Part:
    """One sub-block of one architecture.

    Attributes:
        key: everything that its latency depends on; equal parts of any architectures share it.
        name: module of the built network; for glue, the module that it is what is left of.
        inside: modules whose time is taken off that of ``name``; empty but for glue.
    """

    key: str
    name: str
    inside: tuple[str, ...] = ()

    @property
    def role(self) -> str:
        """Kind of sub-block with its type, e.g. ``attention window``."""
        return role_of(self.key)


def role_of(key: str) -> str:
    """Return the part of a key ahead of the shape, e.g. ``attention window``."""
    return key.split("|", 1)[0]


@dataclass(frozen=True)
class _Place:
    """Shape of the map that a part works on."""

    width: int
    size: ImageSize
    tokens: int

    def __str__(self) -> str:
        return f"C{self.width} S{size_text(self.size)} T{self.tokens}"


def parts_of(arch: Arch) -> tuple[Part, ...]:
    """Return the parts of ``arch`` in the order in which they run."""
    return _parts(arch.canonical())


def count_parts(arch: Arch) -> Counter[str]:
    """Return how often each part stands in ``arch``, by key; what is left over counts once."""
    counts = Counter(part.key for part in parts_of(arch))
    counts[REST] = 1
    return counts


@lru_cache(maxsize=8192)
def _parts(arch: Arch) -> tuple[Part, ...]:
    return tuple(_walk(arch))


def _walk(arch: Arch) -> Iterator[Part]:
    first = arch.stages[0]
    pixels = size_text(arch.image_size)
    yield Part(_key("stem", arch.stem, f"C{arch.in_channels}>{first.width} P{pixels}"), "stem")
    before: Stage | None = None
    size_before: ImageSize = 0
    for index, (stage, size, tokens) in enumerate(
        zip(arch.stages, arch.map_sizes, carried_tokens(arch), strict=True)
    ):
        path = f"stages.{index}"
        place = _Place(stage.width, size, tokens.total)
        if before is not None and (stage.downsample or before.width != stage.width):
            shape = f"C{before.width}>{stage.width} S{size_text(size_before)}"
            yield Part(_key("downsample", stage.downsample, shape), f"{path}.downsample")
        yield from _stage(arch, stage, place, path)
        before, size_before = stage, size
    last = _Place(arch.stages[-1].width, size_before, place.tokens)
    yield Part(_key("head", arch.head, f"{last} K{arch.num_classes}"), "head")


def _stage(arch: Arch, stage: Stage, place: _Place, path: str) -> Iterator[Part]:
    position = stage.position
    once = isinstance(position, ConditionalPosition) and position.placement == "after_first_block"
    if place.tokens:
        yield Part(_key("tokens", None, str(place)), f"{path}.tokens")
    if position.type in ("learned", "sinusoid"):
        yield Part(_key("position", position, str(place)), f"{path}.position")
    for index, block in enumerate(stage.pattern):
        name = f"{path}.blocks.{index}"
        if block.inner is not None:
            shape = f"{place} {_spec(arch.stem)}"
            yield Part(_key("inner", block.inner, shape), f"{path}.inner.{index}")
        inside = tuple(_block(block, stage, place, name))
        yield from inside
        glue = f"{place} L{block.local_aggregation is not None}"
        yield Part(_key("glue", None, glue), name, tuple(part.name for part in inside))
        if index == 0 and once:
            yield Part(_key("position", position, str(place)), f"{path}.position_after_first")


def _block(block: Block, stage: Stage, place: _Place, name: str) -> Iterator[Part]:
    position = stage.position
    in_block = isinstance(position, ConditionalPosition) and position.placement == "every_block"
    local = block.local_aggregation
    if local is not None:
        if in_block:
            yield Part(_key("position", position, str(place)), f"{name}.local_position")
        yield Part(_key("local_aggregation", local, str(place)), f"{name}.local_aggregation")
    if in_block:
        yield Part(_key("position", position, str(place)), f"{name}.position")
    bias = " bias" if isinstance(position, RelativeBias) else ""
    heads = f"{place} H{stage.heads}{bias}"
    yield Part(_key("attention", block.attention, heads), f"{name}.attention")
    yield Part(_key("ffn", block.ffn, str(place)), f"{name}.ffn")


def _key(role: str, spec: Spec | None, shape: str) -> str:
    kind = getattr(spec, "type", "")
    return f"{role} {kind}".strip() + f"|{shape}" + (f"|{_spec(spec)}" if spec else "")


def _spec(spec: Spec) -> str:
    data = {name: value for name, value in spec.to_dict().items() if name != "type"}
    return json.dumps(data, sort_keys=True, separators=(",", ":"))
