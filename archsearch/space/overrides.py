"""Fix or replace values of a space file by dotted paths, as a command line or a study does.

A path is that of the file: ``stages.1.width``, ``stage_defaults.ffn.expansion``,
``parameters.width``. A stage also has what it takes from ``stage_defaults``. Below a choice, a name
stands for that key in each option that has it.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from archsearch.arch import Arch
from archsearch.errors import Problem, nearest
from archsearch.settings import indices, split_path
from archsearch.space.written import DOMAIN_KEYS, merged, with_places
from archsearch.yaml_source import KeyPath, YamlSource, dotted

#: what the keys of problems begin with
PREFIX = "space"
#: keys of a space file beside those of an Arch file
SECTIONS = ("parameters", "rules", "stage_defaults", "num_stages")
#: of these a stage has one
_TWINS = {"num_heads": "head_dim", "head_dim": "num_heads"}


@dataclass(frozen=True)
class Overridden:
    """A space file with values changed.

    Attributes:
        source: the file; lines are those of what was replaced.
        problems: a problem for each path that leads nowhere.
    """

    source: YamlSource
    problems: list[Problem]
    _labels: dict[KeyPath, str] = field(default_factory=dict)

    def named(self, problems: Iterable[Problem]) -> list[Problem]:
        """Return problems of the space, those in a changed value named by its override."""
        return [self._named(problem) for problem in problems]

    def _named(self, problem: Problem) -> Problem:
        path = _key_path(problem.key)
        for length in range(len(path), 0, -1):
            label = self._labels.get(path[:length])
            if label is not None:
                key = dotted((label, *path[length:]))
                return Problem(key, problem.rule, problem.value, problem.remedy)
        return problem


def with_overrides(source: YamlSource, overrides: Mapping[str, Any]) -> Overridden:
    """Return a space file with values changed.

    Args:
        source: plain data of the file.
        overrides: path to a value or domain; see the module.
    """
    data = copy.deepcopy(source.data)
    if not isinstance(data, dict):
        return Overridden(source, [])
    before = set(_references(data))
    problems: list[Problem] = []
    labels: dict[KeyPath, str] = {}
    for path, value in overrides.items():
        names = split_path(path)
        _write_out_defaults(data, names)
        created = _make_mappings(data, names)
        places = list(_places(data, names))
        if not places:
            problems.append(_nowhere(data, path, names))
        for parent, at in places:
            _put(parent, at, value, in_stage=names[0] == "stages")
            labels |= dict.fromkeys(created, f"{PREFIX}.{path}")
            labels[at] = f"{PREFIX}.{path}"
    _drop_definitions(data, before - set(_references(data)))
    return Overridden(YamlSource(source.name, data, source.lines), problems, labels)


def _put(parent: Any, at: KeyPath, value: Any, in_stage: bool) -> None:
    key = at[-1]
    parent[key] = copy.deepcopy(value)
    twin = _TWINS.get(str(key))
    if twin is not None and value is not None:
        parent.pop(twin, None)
        if in_stage:
            # the defaults of the stages may have it
            parent[twin] = None


def _write_out_defaults(data: dict[str, Any], names: tuple[str, ...]) -> None:
    """Give the stages that a path names the default that it leads through, to change it there."""
    defaults, stages = data.get("stage_defaults"), data.get("stages")
    if names[0] != "stages" or len(names) < 4 or not isinstance(defaults, dict):
        return
    key = names[2]
    if key not in defaults or not isinstance(stages, list):
        return
    for index in indices(names[1], len(stages)):
        stage = stages[index]
        # the stem makes the first map
        if isinstance(stage, dict) and not (key == "downsample" and index == 0):
            default = with_places(copy.deepcopy(defaults[key]))
            own = merged(default, with_places(stage[key])) if key in stage else default
            stage[key] = own.plain()


def _make_mappings(data: dict[str, Any], names: tuple[str, ...]) -> list[KeyPath]:
    """Write the part of an architecture that a path begins with, if the file leaves it out."""
    first = names[0]
    if len(names) < 2 or first in data or first not in (*Arch.model_fields, *SECTIONS):
        return []
    here = data
    for name in names[:-1]:
        here = here.setdefault(name, {})
    return [names[:length] for length in range(1, len(names))]


def _places(
    data: Any, names: tuple[str, ...], above: KeyPath = ()
) -> Iterator[tuple[Any, KeyPath]]:
    """Yield (mapping or list, path of the value in it) for every value that ``names`` stand for."""
    name, rest = names[0], names[1:]
    if isinstance(data, list):
        for index in indices(name, len(data)):
            at = (*above, index)
            yield from _places(data[index], rest, at) if rest else ((data, at),)
        return
    if not isinstance(data, dict):
        return
    options = data.get("choice")
    if options is not None and name not in data and name not in DOMAIN_KEYS:
        labelled = options.items() if isinstance(options, dict) else enumerate(options)
        for label, option in labelled:
            is_on_the_way = isinstance(option, dict) and ("choice" in option or name in option)
            if is_on_the_way or isinstance(option, list):
                yield from _places(option, names, (*above, "choice", label))
        return
    if not rest:
        # a key that the file leaves out has a default; the reader of the space knows which exist
        yield data, (*above, name)
    elif name in data:
        yield from _places(data[name], rest, (*above, name))


def _nowhere(data: dict[str, Any], path: str, names: tuple[str, ...]) -> Problem:
    """Say where a path ends."""
    key = f"{PREFIX}.{path}"
    for length in range(len(names) - 1, 0, -1):
        reached = [
            _child(parent, at[-1])
            for parent, at in _places(data, names[:length])
            if isinstance(parent, list) or at[-1] in parent
        ]
        if not reached:
            continue
        here, name = reached[0], names[length]
        where = ".".join(names[:length])
        if isinstance(here, list):
            rule = f"{where} has {len(here)} items, counted from 0"
            return Problem(key, rule, name, "write a number, a range such as 0-1, or *")
        if isinstance(here, dict):
            return Problem(key, f"{where} has no such key", name, nearest(name, _keys(here)))
        return Problem(key, f"{where} is a value, not a mapping", here, f"set {where} itself")
    known = {*map(str, data), *Arch.model_fields, *SECTIONS}
    remedy = nearest(names[0], known)
    rule = "is an unknown key" if len(names) == 1 else f"'{names[0]}' is an unknown key"
    return Problem(key, rule, None, remedy)


def _child(parent: Any, key: str | int) -> Any:
    return parent[key]


def _keys(mapping: dict[str, Any]) -> set[str]:
    """Return the keys of a mapping, and of the options of a choice."""
    options = mapping.get("choice")
    found = {str(key) for key in mapping}
    for option in options if isinstance(options, list) else ():
        if isinstance(option, dict):
            found |= _keys(option)
    return found


def _references(data: Any) -> Iterator[str]:
    """Yield the names of parameters that values refer to."""
    if isinstance(data, dict):
        if "ref" in data:
            yield str(data["ref"])
        for child in data.values():
            yield from _references(child)
    elif isinstance(data, list):
        for child in data:
            yield from _references(child)


def _drop_definitions(data: dict[str, Any], names: set[str]) -> None:
    """Remove parameters that a change has left without use."""
    definitions = data.get("parameters")
    if isinstance(definitions, dict):
        for name in names:
            definitions.pop(name, None)
        if not definitions:
            del data["parameters"]


def _key_path(key: str) -> KeyPath:
    return tuple(int(part) if part.isdecimal() else part for part in key.split("."))
