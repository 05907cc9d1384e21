"""Read space files."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from pydantic import BaseModel

from archsearch.arch import Arch, Spec, value_from
from archsearch.errors import InputError, Problem, nearest
from archsearch.image_size import ImageSize, plain_size
from archsearch.resources import find_yaml
from archsearch.space.arch_check import arch_space_problems
from archsearch.space.block_references import BlockReferences
from archsearch.space.nodes import INVALID, Choice, Constant, Fields, Items, Node, Scaled
from archsearch.space.overrides import SECTIONS, with_overrides
from archsearch.space.parameter import Value
from archsearch.space.parser import Parser
from archsearch.space.rules import SearchRules
from archsearch.space.search_space import SearchSpace
from archsearch.space.written import (
    BLOCK_KEYS,
    DOMAIN_KEYS,
    Written,
    with_places,
    with_stage_defaults,
)
from archsearch.yaml_source import YamlSource, load_yaml


class _Sections(Spec):
    rules: SearchRules = SearchRules()


def load_space(path_or_name: str | Path, overrides: Mapping[str, Any] | None = None) -> SearchSpace:
    """Read a search space from a YAML file, or one that ships with archsearch by its name.

    Args:
        path_or_name: the file, or the name.
        overrides: dotted path to a value or domain in place of the file's; see `with_overrides`.

    Raises:
        InputError: with every problem of the file and of the overrides.

    Examples:
        >>> from archsearch import load_space
        >>> load_space("tiny").count()
        36
        >>> load_space("tiny", {"stages.1.depth": 1}).count()
        18
    """
    path = find_yaml(path_or_name, "spaces")
    source = load_yaml(path)
    if not overrides:
        return space_from(source, path.stem)
    changed = with_overrides(source, overrides)
    problems = list(changed.problems)
    try:
        space = space_from(changed.source, path.stem)
    except InputError as error:
        problems += changed.named(error.problems)
    if problems:
        raise InputError(problems)
    return space


def flat_space(
    parameters: Mapping[str, Sequence[Value] | Mapping[str, Any]], name: str = "space"
) -> SearchSpace:
    """Return a space of plain parameters, for tables, simulators and functions.

    Args:
        parameters: for each a list of values, or a domain as a space file has it, such as
            ``{"int": [1, 8]}``.
        name: of the space.

    Raises:
        InputError: with every problem.

    Examples:
        >>> from archsearch import flat_space
        >>> flat_space({"kernel": [3, 5, 7], "depth": {"int": [1, 6]}}).count()
        18
    """
    data = {
        key: dict(domain) if isinstance(domain, Mapping) else {"choice": list(domain)}
        for key, domain in parameters.items()
    }
    return space_from(YamlSource(name, {"parameters": data}), name)


def space_from(source: YamlSource, name: str) -> SearchSpace:
    """Check and convert plain data to a space; see `load_space`."""
    space, problems = _read(source, name)
    if not space.is_flat:
        problems.extend(arch_space_problems(space.root, space.plan, source))
    if problems:
        once = {str(problem): problem for problem in problems}
        raise InputError(sorted(once.values(), key=lambda problem: problem.line))
    try:
        space.sample(np.random.default_rng(0))
    except InputError as error:
        raise InputError(
            [
                Problem(each.key, each.rule, each.value, each.remedy, source.name)
                for each in error.problems
            ]
        ) from None
    return space


def adapted(
    space: SearchSpace, *, image_size: ImageSize, in_channels: int, num_classes: int
) -> SearchSpace:
    """Return ``space`` for images of another size, number of channels and number of classes.

    Raises:
        InputError: the choices of the space do not fit that image size.
    """
    wanted = {
        "image_size": plain_size(image_size),
        "in_channels": in_channels,
        "num_classes": num_classes,
    }
    return space_from(YamlSource(space.name, {**space.to_dict(), **wanted}), space.name)


def _read(source: YamlSource, name: str) -> tuple[SearchSpace, list[Problem]]:
    top = with_places(source.data)
    references = BlockReferences(source)
    top = references.written_out(top)
    if not isinstance(top.value, dict):
        found = "nothing" if source.data is None else type(source.data).__name__
        raise InputError(
            Problem("", f"must be a mapping of keys, but is {found}", file=source.name)
        )
    is_flat = "parameters" in top.value and not set(top.value) & {*Arch.model_fields, *SECTIONS[1:]}
    named = top.get("parameters") or Written({}, ())
    definitions = named.value if isinstance(named.value, dict) else {}
    known_keys = _known_keys(Arch) | set(BLOCK_KEYS) | references.keys
    parser = Parser(source, definitions, () if is_flat else known_keys)
    parser.problems.extend(references.problems)
    if not isinstance(named.value, dict) or ("parameters" in top.value and not named.value):
        parser.report(named.origin, "must be a mapping of names to domains", named.plain())
    known = ("parameters",) if is_flat else (*Arch.model_fields, *SECTIONS)
    for key in top.value:
        if key not in known:
            parser.report((key,), "is an unknown key", None, nearest(key, known))
    if is_flat:
        root: Node = Fields((), {key: _flat(parser, key) for key in definitions})
        rules, data = SearchRules(), {"parameters": named.plain()}
    else:
        rules = _rules(parser, source)
        root, data = _arch_tree(parser, top)
        for key in definitions:
            if key not in parser.used:
                remedy = f"write {{ref: {key}}} where it belongs, or remove it"
                parser.report(("parameters", key), "is not used anywhere", None, remedy)
        data["rules"] = rules.to_dict()
    # a domain that was refused may be too large to be written out
    written = data if parser.problems else _normal(data)
    return SearchSpace(name, root, rules, written, is_flat), parser.problems


def _flat(parser: Parser, key: str) -> Node:
    """Read one parameter of a flat space."""
    value = parser.definitions[key]
    if value.is_domain or not isinstance(value.value, dict | list):
        return parser.definition(key, ("parameters", key))
    remedy = "write {choice: [first, second]} or {int: [low, high]}"
    if isinstance(value.value, dict) and len(value.value) == 1:
        (only,) = value.value
        remedy = f"'{only}' is no domain: {nearest(only, DOMAIN_KEYS)}"
    return parser.report(value.origin, "must be a value or a domain", value.plain(), remedy)


def _rules(parser: Parser, source: YamlSource) -> SearchRules:
    data = {"rules": source.data["rules"]} if "rules" in source.data else {}
    try:
        return value_from(_Sections, YamlSource(source.name, data, source.lines)).rules
    except InputError as error:
        parser.problems.extend(error.problems)
        return SearchRules()


def _arch_tree(parser: Parser, top: Written) -> tuple[Node, dict[str, Any]]:
    """Return the tree of an architecture space, and its data with the stage defaults merged."""
    assert isinstance(top.value, dict)
    parts = {key: top[key] for key in top.value if key in Arch.model_fields}
    defaults = top.get("stage_defaults")
    if defaults is not None:
        if not isinstance(defaults.value, dict) or defaults.is_domain:
            parser.report(defaults.origin, "must be a mapping of stage keys", defaults.plain())
        elif "stages" in parts:
            parts["stages"] = with_stage_defaults(parts["stages"], defaults)
    items: dict[str, Node] = {}
    length = _num_stages(parser, top.get("num_stages"), parts.get("stages"))
    for key, part in parts.items():
        if key == "stages":
            stages = parser.stages(part, (key,))
            if isinstance(stages, Items) and length is not None:
                stages = Items(stages.origin, stages.items, length)
            items[key] = stages
        else:
            items[key] = parser.node(part, (key,))
    data: dict[str, Any] = {
        key: top[key].plain() for key in ("parameters", "num_stages") if key in top.value
    }
    data.update({key: part.plain() for key, part in parts.items()})
    return Fields((), items), data


def _num_stages(parser: Parser, value: Written | None, stages: Written | None) -> Node | None:
    """Read how many of the listed stages are used; None for all of them."""
    if value is None:
        return None
    if stages is None or not isinstance(stages.value, list):
        parser.report(value.origin, "needs 'stages' to be a list", None, "list the stages once")
        return None
    node = parser.node(value, ("num_stages",))
    if isinstance(node, Scaled) or not isinstance(node, Choice | Constant):
        parser.report(value.origin, "must be a whole number or a domain", value.plain())
        return None
    if node.fixed is INVALID:
        return None
    counts = node.values if isinstance(node, Choice) else (node.fixed,)
    listed = len(stages.value)
    wrong = [each for each in counts if type(each) is not int or not 1 <= each <= listed]
    for each in wrong:
        parser.report(
            value.origin, f"must be from 1 to the number of listed stages, {listed}", each
        )
    return None if wrong else node


def _known_keys(model: type[BaseModel]) -> set[str]:
    """Return every key that a mapping of an Arch file may have."""
    keys = set(model.model_fields)
    for field in model.model_fields.values():
        for inner in _models(field.annotation):
            keys |= _known_keys(inner)
    return keys


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _normal(data: Any) -> Any:
    """Write every domain of integers as a choice, so that equal spaces have equal data."""
    if isinstance(data, dict):
        bounds = data.get("int")
        if isinstance(bounds, list) and len(bounds) == 2:
            try:
                return {"choice": list(range(bounds[0], bounds[1] + 1, data.get("step", 1)))}
            except (TypeError, ValueError):
                return json.loads(json.dumps(data, default=str))
        return {key: _normal(value) for key, value in data.items()}
    return [_normal(each) for each in data] if isinstance(data, list) else data
