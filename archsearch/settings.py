"""``KEY=VALUE`` as a command line gives it, and the grammar of the paths that name a value.

A path is written with dots, ``stages.1.width``, or with brackets, ``stages[1].width``. Items of a
list are numbered from 0; ``*`` stands for all of them and ``1-2`` for a range.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archsearch.errors import InputError, Problem
from archsearch.yaml_source import parse_yaml

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
    """

    path: tuple[str, ...]
    value: Any
    key: str

    def problem(self, rule: str, value: object = None, remedy: str = "") -> Problem:
        """Return a problem at this setting."""
        return Problem(f"{FLAG} {self.key}", rule, value, remedy)


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
