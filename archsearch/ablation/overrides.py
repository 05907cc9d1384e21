"""Change an architecture by dotted paths: the overrides of a variant.

A path is written from the top (``stages.1.blocks.*.ffn.expansion``), or from a field of a stage or
of a block (``width``, ``ffn.expansion``), which then means every stage and every block, or as the
bare name of a field that only one part has (``window_size``). Stages and blocks are numbered from
0; ``*`` stands for all, ``2-5`` for a range. Blocks are those of the whole depth, not of the
pattern. A mapping changes the keys that it names; with another ``type`` it keeps what both types
have. A list is one value for each stage, null leaving a stage as it is.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from archsearch.ablation.part_values import class_of, copied, put, without_open
from archsearch.arch import Arch, Block, Stage, arch_from
from archsearch.arch.spec import Spec
from archsearch.errors import InputError, Problem, nearest
from archsearch.settings import indices
from archsearch.yaml_source import YamlSource

#: name of an override, rule, value, remedy -> a problem with its place in the file
Report = Callable[[str, str, object, str], Problem]


def overridden(arch: Arch, overrides: Mapping[str, Any], report: Report | None = None) -> Arch:
    """Return ``arch`` with values changed, in the order of ``overrides``.

    Args:
        arch: what to change.
        overrides: path to value; see the module.
        report: makes the problems; None names them by their path alone.

    Raises:
        InputError: with every path that leads nowhere; or every rule that the result breaks.
    """
    report = report or _plain_problem
    data = arch.model_dump(mode="json")
    problems = []
    numbered = [path for path in overrides if _numbers_blocks(path)]
    for path in overrides:
        if path not in numbered:
            problems += _apply(data, path, overrides[path], report)
    if numbered:
        # numbers count the blocks of the depth, which an override may just have changed
        for stage in data["stages"]:
            _write_out_pattern(stage)
    for path in numbered:
        problems += _apply(data, path, overrides[path], report)
    if problems:
        raise InputError(problems)
    try:
        return arch_from(YamlSource("", without_open(data)))
    except InputError as error:
        # a wildcard breaks the same rule many times
        distinct = {(p.rule, str(p.value), p.remedy): p for p in reversed(error.problems)}
        raise InputError(
            [report("", f"{p.key}: {p.rule}", p.value, p.remedy) for p in distinct.values()]
        ) from None


def _plain_problem(path: str, rule: str, value: object, remedy: str) -> Problem:
    return Problem(path, rule, value, remedy)


def _numbers_blocks(path: str) -> bool:
    names = path.split(".")
    return any(name == "blocks" and following != "*" for name, following in pairwise(names))


def _write_out_pattern(stage: dict[str, Any]) -> None:
    """Replace the pattern of a stage, plain data, by its blocks, one entry each."""
    once = [{**b, "repeat": 1} for b in stage["blocks"] for _ in range(b.get("repeat") or 1)]
    stage["blocks"] = [copied(once[i % len(once)]) for i in range(int(stage["depth"]))]


def _apply(data: dict[str, Any], path: str, value: Any, report: Report) -> list[Problem]:
    names = _from_the_top(data, path)
    if isinstance(names, str):
        return [report(path, "stands for more than one value", None, names)]
    places = list(_places(data, names, Arch, None)) if names else []
    if not places:
        return [report(path, *_why_nowhere(data, path, names))]
    per_stage = (
        isinstance(value, list)
        and names[0] == "stages"
        and len(names) > 2
        and names[1] == "*"
        and names[-1] != "blocks"
    )
    if per_stage and len(value) != len(data["stages"]):
        rule = f"must be one value, or one for each of {len(data['stages'])} stages"
        return [report(path, rule, value, "")]
    for stage, mapping, owner in places:
        own = value[stage] if per_stage and stage is not None else value
        if per_stage and own is None:
            continue
        put(mapping, names[-1], own, owner)
    return []


def _from_the_top(data: dict[str, Any], path: str) -> list[str] | str:
    """Return the path written out from the top; a remedy if it could be one of several."""
    first, *rest = path.split(".")
    if first in Arch.model_fields:
        return [first, *rest]
    if first in Stage.model_fields:
        return ["stages", "*", first, *rest]
    if first in Block.model_fields:
        return ["stages", "*", "blocks", "*", first, *rest]
    parts = sorted({part for part, field in _parts_with_fields(data) if field == first})
    if len(parts) > 1:
        return "write " + " or ".join(f"{part}.{path}" for part in parts)
    if not parts:
        return []
    return [*_top_of(parts[0]), first, *rest]


def _top_of(part: str) -> list[str]:
    """Return the path to ``part``, itself written from a field, e.g. ``ffn.gate``."""
    first = part.split(".")[0]
    if first in Arch.model_fields:
        return part.split(".")
    above = ["stages", "*"] if first in Stage.model_fields else ["stages", "*", "blocks", "*"]
    return above + part.split(".")


def _parts_with_fields(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (part, field) for every part of the network: ``("attention", "window_size")``."""

    def inside(part: str, value: Any) -> Iterator[tuple[str, str]]:
        if not isinstance(value, dict):
            return
        for field, child in value.items():
            if field != "type":
                yield part, field
                yield from inside(f"{part}.{field}", child)

    for name in ("stem", "head"):
        yield from inside(name, data[name])
    for stage in data["stages"]:
        for name in ("downsample", "position"):
            yield from inside(name, stage.get(name))
        for block in stage["blocks"]:
            for name, part in block.items():
                yield from inside(name, part)


#: index of the stage, the mapping that holds the last name of the path, and its class
_Place = tuple[int | None, dict[str, Any], type[Spec] | None]


def _places(
    data: Any, names: list[str], owner: type[Spec] | None, stage: int | None
) -> Iterator[_Place]:
    """Yield the mappings that hold what ``names`` leads to; a wildcard passes over the others."""
    name, *rest = names
    if isinstance(data, list):
        for index in indices(name, len(data)):
            here = index if owner is Stage else stage
            if rest:
                yield from _places(data[index], rest, owner, here)
        return
    if not isinstance(data, dict) or name not in data:
        return
    if not rest:
        # the stem makes the first map
        if not (name == "downsample" and owner is Stage and stage == 0):
            yield stage, data, owner
        return
    items: dict[str, type[Spec]] = {"stages": Stage, "blocks": Block}
    below = items.get(name)
    child = data[name]
    if below is None and owner is not None and isinstance(child, dict):
        below = class_of(owner, name, child.get("type"))
    yield from _places(child, rest, below, stage)


def _why_nowhere(data: dict[str, Any], path: str, names: list[str]) -> tuple[str, object, str]:
    """Return rule, value and remedy for a path that leads to no value."""
    known = {*Arch.model_fields, *Stage.model_fields, *Block.model_fields}
    for part, field in _parts_with_fields(data):
        known |= {f"{part}.{field}", field}
    top = {name for name in path.split(".") if not (name == "*" or name[0:1].isdigit())}
    short = ".".join(name for name in path.split(".") if name in top)
    short = short.removeprefix("stages.").removeprefix("blocks.").removesuffix(".type")
    if short in known or path in known:
        count = len(data["stages"])
        depths = ", ".join(str(stage["depth"]) for stage in data["stages"])
        remedy = f"there are {count} stages of {depths} blocks, counted from 0"
        return "names no stage or block of the base that has it", None, remedy
    return "names no parameter of the base", None, nearest(short or path, known)
