"""Finds the value of a configuration that an option or ``--set KEY=VALUE`` names, and sets it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from archsearch.arch import Arch, Spec, value_from
from archsearch.errors import InputError, Problem, nearest
from archsearch.resources import find_yaml
from archsearch.run.budgets import Budgets
from archsearch.run.config import SearchConfig
from archsearch.run.execution_options import Execution
from archsearch.run.latency.latency_target import LatencyTarget
from archsearch.settings import Setting, put
from archsearch.space import load_space
from archsearch.space.overrides import SECTIONS
from archsearch.train import (
    Augmentation,
    Recipe,
    changed_recipe,
    default_recipe,
    most_epochs,
)
from archsearch.yaml_source import YamlSource, load_yaml

#: parts of a configuration whose keys may be written without the name of the part
_PARTS: dict[str, type[Spec]] = {
    "recipe": Recipe,
    "recipe.augmentation": Augmentation,
    "budgets": Budgets,
    "latency": LatencyTarget,
    "execution": Execution,
}
#: keys of a configuration that follow from other settings
_DERIVED = frozenset(("space_overrides", "recipe_keys"))
_SPACE = "space"
_RECIPE = "recipe"


def configured(data: Mapping[str, Any], settings: Sequence[Setting]) -> SearchConfig:
    """Return the configuration that plain data and settings make together.

    Args:
        data: as a study file has it; ``recipe`` may be None for the data set's default.
        settings: win over ``data``; ``recipe.KEY``, ``space.PATH``, any other key of a study's
            search, or a bare name that stands for one of these. No two may give one value.

    Raises:
        InputError: with every problem of the data and of the settings.
    """
    data = _copied(data)
    problems: list[Problem] = []
    given: dict[str, Setting] = {}
    recipe: dict[str, Any] = {}
    overrides: dict[str, Any] = {}
    known = _short_names(str(data.get("space", "")))
    for setting in settings:
        names = _in_full(setting, known, problems)
        if not names:
            continue
        key = ".".join(names)
        if key in given:
            remedy = f"leave out {given[key].label} or this"
            problems.append(setting.problem("is given twice", setting.value, remedy))
            continue
        given[key] = setting
        if names[0] == _RECIPE:
            recipe[".".join(names[1:])] = setting.value
        elif names[0] == _SPACE:
            overrides[".".join(names[1:])] = setting.value
        else:
            put(data, names, setting.value)
    if overrides:
        data["space_overrides"] = {**data.get("space_overrides", {}), **overrides}
    config: SearchConfig | None = None
    try:
        config = value_from(SearchConfig, YamlSource("", data))
    except InputError as error:
        problems += error.problems
    changed = None
    if recipe:
        try:
            before = _recipe_of(data)
            longest = None if data.get("recipe") else most_epochs(before)
            changed = changed_recipe(before, recipe, longest)
        except InputError as error:
            problems += error.problems
    if overrides:
        try:
            load_space(str(data["space"]), data["space_overrides"])
        except InputError as error:
            problems += error.problems
    if problems or config is None:
        raise InputError([_labelled(problem, given) for problem in problems])
    if changed is None:
        return config
    keys = config.recipe_keys if config.recipe else ()
    merged = None if keys is None else tuple(sorted({*keys, *recipe}))
    return config.model_copy(update={"recipe": changed, "recipe_keys": merged})


def _in_full(
    setting: Setting, known: Mapping[str, Sequence[str]], problems: list[Problem]
) -> tuple[str, ...]:
    """Return the path from the top of the configuration; empty, with a problem, for none."""
    first, *rest = setting.path
    if first in (_RECIPE, _SPACE):
        if rest:
            return setting.path
        remedy = {
            _RECIPE: "name a key of it, e.g. recipe.epochs=10, or use --recipe FILE",
            _SPACE: "name a value of it, e.g. space.stages.0.depth=2",
        }[first]
        problems.append(setting.problem("is no single value", setting.value, remedy))
        return ()
    if first in SearchConfig.model_fields and first not in _DERIVED:
        return setting.path
    places = known.get(first, ())
    if len(places) == 1:
        return (*places[0].split("."), *rest)
    if places:
        written = " or ".join(".".join((place, *rest)) for place in places)
        problems.append(setting.problem("stands for more than one value", None, f"write {written}"))
    else:
        names = {*known, *SearchConfig.model_fields} - _DERIVED
        remedy = nearest(first, names)
        if not remedy.startswith("did"):
            remedy = "write recipe.KEY, space.PATH, or a key of a study's search"
        problems.append(setting.problem("is an unknown key", None, remedy))
    return ()


def _short_names(space: str) -> dict[str, list[str]]:
    """Return each name that may be written alone, with the keys that it may stand for."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for part, model in _PARTS.items():
        for name in model.model_fields:
            found[name].append(f"{part}.{name}")
    for name in (*Arch.model_fields, *SECTIONS):
        found[name].append(f"{_SPACE}.{name}")
    try:
        data = load_yaml(find_yaml(space, "spaces")).data
    except InputError:
        # said when the space is loaded
        return found
    definitions = data.get("parameters") if isinstance(data, dict) else None
    for name in definitions if isinstance(definitions, dict) else ():
        found[str(name)].append(f"{_SPACE}.parameters.{name}")
    return found


def _recipe_of(data: Mapping[str, Any]) -> Recipe:
    given = data.get(_RECIPE)
    if given is None:
        return default_recipe(str(data.get("data", SearchConfig.model_fields["data"].default)))
    return given if isinstance(given, Recipe) else value_from(Recipe, YamlSource("", given))


def _copied(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: dict(each) if isinstance(each, dict) else each for key, each in data.items()}


def _labelled(problem: Problem, given: Mapping[str, Setting]) -> Problem:
    """Name a problem by the setting that its value came from."""
    if problem.file:
        return problem
    for key, setting in given.items():
        if problem.key == key or problem.key.startswith(f"{key}."):
            return setting.of_value(problem, key)
    return problem
