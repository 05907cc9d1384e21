"""``KEY=VALUE`` as a command line gives it, and the grammar of the paths that name a value.

A path is written with dots, ``stages.1.width``, or with brackets, ``stages[1].width``. Items of a
list are numbered from 0; ``*`` stands for all of them and ``1-2`` for a range.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from archsearch.errors import InputError, Problem
from archsearch.yaml_source import KeyPath, parse_yaml

FLAG = "--set"
_RANGE = re.compile(r"(\d+)-(\d+)")
_BRACKETS = re.compile(r"\[\s*([^\[\].]*?)\s*\]")


@dataclass(frozen=True)
class Setting:
    """One ``KEY=VALUE``.

    Attributes:
        path: the names of the key.
        value: read as YAML.
        key: as the user wrote it.
        option: flag of the option that gives the value; empty for ``--set``.
    """

    path: tuple[str, ...]
    value: Any
    key: str
    option: str = ""

    @property
    def label(self) -> str:
        """How a message names it."""
        return self.option or f"{FLAG} {self.key}"

    def problem(self, rule: str, value: object = None, remedy: str = "") -> Problem:
        """Return a problem at this setting."""
        return Problem(self.label, rule, value, remedy)

    def of_value(self, problem: Problem, key: str) -> Problem:
        """Name a problem of the value at ``key``, or of what is in it, by this setting."""
        below = "" if self.option else problem.key[len(key) :]
        return replace(problem, key=self.label + below)


def settings_from(texts: Sequence[str]) -> list[Setting]:
    """Read ``KEY=VALUE``, the value in YAML.

    Raises:
        InputError: with everything that is no setting, or is given twice.
    """
    settings: list[Setting] = []
    problems: list[Problem] = []
    for text in texts:
        key, equals, written = (part.strip() for part in text.partition("="))
        path = split_path(key)
        if not equals or not key or not all(path):
            rule = "must be KEY=VALUE, the key with dots between its names"
            problems.append(Problem(FLAG, rule, text, "e.g. recipe.epochs=10"))
            continue
        if any(path == other.path for other in settings):
            problems.append(Problem(f"{FLAG} {key}", "must be given once", written))
            continue
        try:
            value = parse_yaml(written, "").data
        except InputError as error:
            problems += [
                Problem(f"{FLAG} {key}", each.rule, written, "quote what YAML would read otherwise")
                for each in error.problems
            ]
            continue
        settings.append(Setting(path, value, key))
    if problems:
        raise InputError(problems)
    return settings


def nested(settings: Iterable[Setting]) -> dict[str, Any]:
    """Return the values of settings as plain data, each at its path."""
    data: dict[str, Any] = {}
    for setting in settings:
        put(data, setting.path, setting.value)
    return data


def put(data: dict[str, Any], names: Sequence[str], value: Any) -> None:
    """Put a value at a path; what is no mapping on the way becomes one."""
    for name in names[:-1]:
        below = data.get(name)
        if not isinstance(below, dict):
            below = data[name] = {}
        data = below
    data[names[-1]] = value


def leaves(data: Any, into_lists: bool = True, path: KeyPath = ()) -> dict[KeyPath, Any]:
    """Return nested plain data as one mapping from path to value; the inverse of `put`.

    Args:
        data: mappings, lists and values.
        into_lists: an item of a list has a path of its own; otherwise a list is a value.
        path: of the data.
    """
    if isinstance(data, Mapping):
        below: Iterable[tuple[Any, Any]] = data.items()
    elif into_lists and isinstance(data, list | tuple):
        below = enumerate(data)
    else:
        return {path: data}
    return {
        key: value
        for name, each in below
        for key, value in leaves(each, into_lists, (*path, name)).items()
    }


def split_path(text: str) -> tuple[str, ...]:
    """Return ``stages[1].width`` as ``("stages", "1", "width")``."""
    return tuple(_BRACKETS.sub(r".\1", text).split("."))


def indices(name: str, count: int) -> range:
    """Return which of ``count`` items a number, ``*`` or a range stands for; may be none."""
    if name == "*":
        return range(count)
    if name.isdecimal() and int(name) < count:
        return range(int(name), int(name) + 1)
    found = _RANGE.fullmatch(name)
    if found and int(found[1]) <= int(found[2]) < count:
        return range(int(found[1]), int(found[2]) + 1)
    return range(0)
