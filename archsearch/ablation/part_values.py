"""Set values in an architecture written out as plain data, where parts may change their type."""

from collections.abc import Iterator
from types import NoneType
from typing import Any, get_args

from archsearch.arch import Arch, Block, Stage
from archsearch.arch.spec import Spec

#: a field that a type needs and that nobody has given yet
_OPEN = object()


def put(mapping: dict[str, Any], name: str, value: Any, owner: type[Spec] | None) -> None:
    """Set one field of a part; a change of type keeps what both types have.

    Args:
        mapping: the part, as plain data.
        name: of the field.
        value: new value; a mapping changes the keys that it names.
        owner: class of the part.
    """
    if name == "type" and owner is not None:
        _change_type(mapping, _sibling(owner, value), value)
        return
    options = _classes(owner, name)
    if isinstance(value, str) and _is_typed(options):
        value = {"type": value}
    old = mapping.get(name)
    if isinstance(value, dict) and isinstance(old, dict):
        changed = copied(old)
        if "type" in value and value["type"] != old.get("type"):
            found = class_of(owner, name, value["type"]) if owner else None
            _change_type(changed, found, value["type"])
        changed_owner = class_of(owner, name, changed.get("type")) if owner else None
        for key, child in value.items():
            if key in changed:
                if key != "type":
                    put(changed, key, child, changed_owner)
            else:
                # unknown: kept for the check of the whole to refuse by name
                changed[key] = child
        mapping[name] = changed
        return
    mapping[name] = copied(value)
    if name in ("num_heads", "head_dim") and owner is Stage:
        # one of the two is given, never both
        mapping["head_dim" if name == "num_heads" else "num_heads"] = None


def _change_type(mapping: dict[str, Any], found: type[Spec] | None, kind: Any) -> None:
    """Turn a part into another type: shared fields stay, new ones take their default."""
    kept = {key: value for key, value in mapping.items() if key != "type"}
    mapping.clear()
    mapping["type"] = kind
    if found is None:
        return
    for key, field in found.model_fields.items():
        if key == "type":
            continue
        default: Any = _OPEN if field.is_required() else field.get_default()
        if isinstance(default, Spec):
            default = default.model_dump(mode="json")
        mapping[key] = kept.get(key, default)


def without_open(data: Any) -> Any:
    """Return plain data without the fields that a type needs and nobody gave."""
    if isinstance(data, dict):
        return {k: without_open(v) for k, v in data.items() if v is not _OPEN}
    return [without_open(each) for each in data] if isinstance(data, list) else data


def _classes(owner: type[Spec] | None, name: str) -> list[type[Spec]]:
    field = owner.model_fields.get(name) if owner is not None else None
    return _specs(field.annotation) if field is not None else []


def _specs(annotation: Any) -> list[type[Spec]]:
    if isinstance(annotation, type) and annotation is not NoneType:
        return [annotation] if issubclass(annotation, Spec) else []
    return [found for part in get_args(annotation) for found in _specs(part)]


def _is_typed(classes: list[type[Spec]]) -> bool:
    return any("type" in each.model_fields for each in classes)


def class_of(owner: type[Spec], name: str, kind: Any) -> type[Spec] | None:
    """Return the class of the part ``name`` of ``owner`` that has type ``kind``."""
    options = _classes(owner, name)
    typed = [
        o for o in options if "type" in o.model_fields and o.model_fields["type"].default == kind
    ]
    if typed:
        return typed[0]
    return options[0] if len(options) == 1 else None


def _sibling(owner: type[Spec], kind: Any) -> type[Spec] | None:
    """Return the class of type ``kind`` that can stand where ``owner`` stands."""
    holders: list[type[Spec]] = [Arch, Stage, Block, *_all_parts()]
    for spec in holders:
        for name in spec.model_fields:
            options = _classes(spec, name)
            if owner in options:
                return class_of(spec, name, kind)
    return None


def _all_parts() -> Iterator[type[Spec]]:
    holders: list[type[Spec]] = [Arch, Block]
    for spec in holders:
        for name in spec.model_fields:
            yield from _classes(spec, name)


def copied(data: Any) -> Any:
    """Return a deep copy of mappings and lists."""
    if isinstance(data, dict):
        return {key: copied(value) for key, value in data.items()}
    return [copied(each) for each in data] if isinstance(data, list) else data
