"""Change values of an architecture by the names of its fields."""

from collections.abc import Mapping, Sequence
from typing import Any

from archsearch.arch import Arch, arch_from
from archsearch.errors import InputError, Problem, nearest
from archsearch.yaml_source import YamlSource

#: parts of a stage, and of a block, whose fields can be named
_STAGE_PARTS = ("downsample", "position")
_BLOCK_PARTS = ("attention", "ffn", "local_aggregation", "inner")


def with_overrides(arch: Arch, overrides: Mapping[str, Any]) -> Arch:
    """Return ``arch`` with values changed.

    A name is that of a field anywhere in the architecture: ``image_size``, ``width``,
    ``num_heads``, ``window_size``, ``expansion``. Where parts share a field name, the part comes
    before it: ``attention__reduction``, ``gate__reduction``, ``stem__width``. A value for the
    stages is one for all of them, or a list or tuple with one for each (None leaves a stage).

    Raises:
        InputError: no such field; two parts have it; not one value a stage; or the result breaks
            a rule.
    """
    if not overrides:
        return arch
    data = arch.to_dict()
    fields = _fields(arch, data)
    problems: list[Problem] = []
    for name, value in overrides.items():
        problem = _override(arch, data, fields, name, value)
        if problem is not None:
            problems.append(problem)
    if problems:
        raise InputError(problems)
    return arch_from(YamlSource("", data))


#: name, as a user may write it -> for each part that has it, the places: (stage or None, mapping)
_Fields = dict[str, dict[str, list[tuple[int | None, dict[str, Any]]]]]


def _fields(arch: Arch, data: dict[str, Any]) -> _Fields:
    """Return every field that can be named, with the mappings that hold it."""
    fields: _Fields = {}

    def add(part: str, spec: Any, mapping: dict[str, Any], stage: int | None) -> None:
        for field in type(spec).model_fields:
            if field != "type":
                fields.setdefault(field, {}).setdefault(part, []).append((stage, mapping))

    add("", arch, data, None)
    del fields["stages"]
    add("stem", arch.stem, _mapping(data, "stem", arch.stem), None)
    add("head", arch.head, _mapping(data, "head", arch.head), None)
    for index, (stage, written) in enumerate(zip(arch.stages, data["stages"], strict=True)):
        add("", stage, written, index)
        for part in _STAGE_PARTS:
            spec = getattr(stage, part)
            if spec is not None:
                add(part, spec, _mapping(written, part, spec), index)
        for block, block_data in zip(stage.blocks, written["blocks"], strict=True):
            for part in _BLOCK_PARTS:
                spec = getattr(block, part)
                if spec is None:
                    continue
                mapping = _mapping(block_data, part, spec)
                add(part, spec, mapping, index)
                gate = getattr(spec, "gate", None)
                if part == "ffn" and gate is not None:
                    add("gate", gate, _mapping(mapping, "gate", gate), index)
    return fields


def _mapping(parent: dict[str, Any], key: str, spec: Any) -> dict[str, Any]:
    """Return the written part, writing it first where it was left out as a default."""
    if not isinstance(parent.get(key), dict):
        parent[key] = spec.to_dict()
    mapping: dict[str, Any] = parent[key]
    return mapping


def _override(
    arch: Arch, data: dict[str, Any], fields: _Fields, name: str, value: Any
) -> Problem | None:
    part, _, field = name.rpartition("__")
    found = fields.get(field, {})
    if part:
        found = {part: found[part]} if part in found else {}
    elif "" in found:
        found = {"": found[""]}
    if not found:
        known = [f"{p}__{f}" if p else f for f, parts in fields.items() for p in parts]
        return Problem(name, "no part of the architecture has this field", None, _near(name, known))
    if len(found) > 1:
        choices = " or ".join(f"{part}__{field}" for part in found)
        return Problem(name, "stands for more than one value", None, f"write {choices}")
    places = next(iter(found.values()))
    if places[0][0] is None:
        places[0][1][field] = value
        return None
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != len(arch.stages):
            return Problem(name, f"must be one value for each of {len(arch.stages)} stages", value)
        values = list(value)
    else:
        values = [value] * len(arch.stages)
    for stage, mapping in places:
        assert stage is not None
        if values[stage] is not None:
            mapping[field] = values[stage]
            if field in ("num_heads", "head_dim") and mapping is data["stages"][stage]:
                # one of the two is given, never both
                mapping.pop("head_dim" if field == "num_heads" else "num_heads", None)
    return None


def _near(name: str, known: list[str]) -> str:
    return nearest(name, set(known))
