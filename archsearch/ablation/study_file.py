"""Read an ablation study from YAML: scales, shorthands, and every problem with its line.

``scales: {small: {...}}`` of a file holds what a scale replaces, merged key by key; null takes a
variant, a component, a factor or a level out of it. The file itself is the scale ``full``.
"""

from pathlib import Path
from typing import Any

from archsearch.ablation.study import Study, study_problems
from archsearch.arch import value_from
from archsearch.errors import InputError, Problem, nearest
from archsearch.resources import find_yaml
from archsearch.settings import put
from archsearch.space.written import Written, key_text, merged, with_places
from archsearch.train import changed_recipe, load_recipe
from archsearch.yaml_source import KeyPath, YamlSource, load_yaml

FULL = "full"


def read_study(
    path_or_name: str | Path, scale: str = FULL, changes: dict[str, Any] | None = None
) -> tuple[Study, YamlSource, list[Problem]]:
    """Read a study at one of its scales.

    Args:
        path_or_name: YAML file, or the name of a shipped study.
        scale: ``full``, or one that the file declares.
        changes: dotted key to a value in place of the file's, e.g. from the command line.

    Returns:
        The study; its data with the line of every key, for further checks; and what is wrong
        between its values.

    Raises:
        InputError: with every problem of the file, where there is no study for them.
    """
    source = load_yaml(find_yaml(path_or_name, "studies"))
    if not isinstance(source.data, dict):
        raise InputError(Problem("", "must be a mapping of keys", file=source.name))
    if "search" in source.data:
        remedy = f"use archsearch run {path_or_name}"
        raise InputError(
            Problem("search", "is a search, not an ablation", None, remedy, source.name)
        )
    whole = _at_scale(with_places(source.data), scale, source)
    whole, problems = _normal(whole, source)
    source = _located(whole, source)
    for key, value in (changes or {}).items():
        put(source.data, key.split("."), value)
    problems += _resolve_recipe(source)
    try:
        study = value_from(Study, source)
    except InputError as error:
        raise InputError([*problems, *error.problems]) from None
    problems += study_problems(study, source)
    if study.epochs is not None and study.recipe is not None and not problems:
        recipe = changed_recipe(study.recipe, {"epochs": study.epochs})
        study = study.model_copy(update={"recipe": recipe})
    return study, source, problems


def scale_names(path_or_name: str | Path) -> tuple[str, ...]:
    """Return the scales of a study, ``full`` first."""
    data = load_yaml(find_yaml(path_or_name, "studies")).data
    scales = data.get("scales") if isinstance(data, dict) else None
    return (FULL, *map(key_text, scales)) if isinstance(scales, dict) else (FULL,)


def study_texts(path: Path) -> tuple[str, dict[str, str]]:
    """Return the question of a study file, and the cost at each of its scales, ``full`` first.

    A scale that says nothing of its cost costs what the file says.
    """
    data = load_yaml(path).data
    whole = str(data["cost"]).strip()
    scales = data.get("scales") or {}
    costs = {key_text(name): str(own.get("cost", whole)).strip() for name, own in scales.items()}
    return str(data["question"]).strip(), {FULL: whole, **costs}


def is_ablation(path: Path) -> bool:
    """Tell whether a study file is an ablation, not a search."""
    data = load_yaml(path).data
    return isinstance(data, dict) and "base" in data and "search" not in data


def _at_scale(whole: Written, scale: str, source: YamlSource) -> Written:
    """Return the study with what a scale replaces put in."""
    assert isinstance(whole.value, dict)
    scales = whole.get("scales")
    rest = Written({k: v for k, v in whole.value.items() if k != "scales"}, whole.origin)
    if scales is not None and not isinstance(scales.value, dict):
        raise InputError(source.problem(("scales",), "must be a mapping of names to changes"))
    if scale == FULL:
        return rest
    own = scales.get(scale) if scales is not None else None
    if own is None:
        known = [FULL, *(scales.value if scales and isinstance(scales.value, dict) else ())]
        remedy = nearest(scale, known)
        raise InputError(Problem("--scale", f"the study has no scale '{scale}'", None, remedy))
    if not isinstance(own.value, dict):
        raise InputError(source.problem(own.origin, "must be a mapping of keys"))
    return merged(rest, own)


def _normal(whole: Written, source: YamlSource) -> tuple[Written, list[Problem]]:
    """Return the study with every shorthand written out."""
    assert isinstance(whole.value, dict)
    problems: list[Problem] = []
    value = {key: child for key, child in whole.value.items() if child.value is not None}
    base = value.get("base")
    if base is not None and isinstance(base.value, str):
        value["base"] = Written({"arch": base}, base.origin)
    for key in ("variants", "leave_one_out"):
        if key in value:
            value[key] = _without_null(value[key])
    if "one_factor" in value:
        value["one_factor"] = _factors(value["one_factor"], source, problems)
    factorial = value.get("factorial")
    if factorial is not None and isinstance(factorial.value, dict):
        own = {key: child for key, child in factorial.value.items() if child.value is not None}
        if "factors" in own:
            own["factors"] = _factors(own["factors"], source, problems)
        value["factorial"] = Written(own, factorial.origin)
    return Written(value, whole.origin), problems


def _factors(factors: Written, source: YamlSource, problems: list[Problem]) -> Written:
    """Write out lists of levels: each value becomes an override of the factor's path."""
    factors = _without_null(factors)
    if not isinstance(factors.value, dict):
        return factors
    out: dict[str, Written] = {}
    for name, factor in factors.value.items():
        levels, path = factor.get("levels"), factor.get("path")
        if levels is None or not isinstance(factor.value, dict):
            out[name] = factor
            continue
        if isinstance(levels.value, list) and path is None:
            rule = "a list of levels needs the path that it is about"
            problems.append(source.problem(levels.origin, rule, None, "add 'path'"))
            levels = Written({}, levels.origin)
        elif isinstance(levels.value, list) and path is not None:
            changes = {
                _label(level): Written(
                    {"overrides": Written({str(path.value): level}, level.origin)}, level.origin
                )
                for level in levels.value
            }
            if len(changes) < len(levels.value):
                problems.append(source.problem(levels.origin, "must not hold a level twice"))
            levels = Written(dict(changes), levels.origin)
        out[name] = Written({**factor.value, "levels": _without_null(levels)}, factor.origin)
    return Written(dict(out), factors.origin)


def _label(level: Written) -> str:
    value = level.plain()
    if isinstance(value, list):
        return "-".join(key_text(each) for each in value)
    return key_text(value.get("type", value) if isinstance(value, dict) else value)


def _without_null(mapping: Written) -> Written:
    if not isinstance(mapping.value, dict):
        return mapping
    kept = {key: child for key, child in mapping.value.items() if child.value is not None}
    return Written(kept, mapping.origin)


def _located(whole: Written, source: YamlSource) -> YamlSource:
    """Return plain data whose keys remember the lines that they were written at."""
    lines: dict[KeyPath, int] = {}

    def walk(node: Written, path: KeyPath) -> None:
        lines[path] = source.line(node.origin)
        if isinstance(node.value, dict):
            for key, child in node.value.items():
                walk(child, (*path, key))
        elif isinstance(node.value, list):
            for index, child in enumerate(node.value):
                walk(child, (*path, index))

    walk(whole, ())
    return YamlSource(source.name, whole.plain(), lines)


def _resolve_recipe(source: YamlSource) -> list[Problem]:
    """Put the recipe that a study names in its place."""
    name = source.data.get("recipe")
    if not isinstance(name, str):
        return []
    near = Path(source.name).parent / name
    try:
        recipe = load_recipe(near if near.is_file() else find_yaml(name, "recipes"))
    except InputError as error:
        del source.data["recipe"]
        return [
            p if p.line else source.problem(("recipe",), f"{name}: {p.rule}", None, p.remedy)
            for p in error.problems
        ]
    source.data["recipe"] = recipe.to_dict()
    return []
