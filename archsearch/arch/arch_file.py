"""From plain data to frozen values: every problem found at once, each with its place."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from archsearch.arch.architecture import Arch
from archsearch.arch.attention import ATTENTIONS
from archsearch.arch.block_file import folders_of
from archsearch.arch.ffn import FFNS
from archsearch.arch.rules import arch_problems
from archsearch.errors import InputError, Problem, nearest
from archsearch.yaml_source import KeyPath, YamlSource, load_yaml

Model = TypeVar("Model", bound=BaseModel)


def load_arch(path: str | Path) -> Arch:
    """Read an architecture from a YAML file.

    Args:
        path: of the file. Files of blocks that it names are looked for beside it, then in the
            current folder.

    Raises:
        InputError: with every problem of the file.
    """
    return arch_from(load_yaml(path))


def arch_from(source: YamlSource) -> Arch:
    """Check and convert plain data to an architecture; see `load_arch`."""
    arch = value_from(Arch, source)
    problems = [
        source.problem(broken.path, broken.rule, broken.value, broken.remedy)
        for broken in arch_problems(arch)
    ]
    if problems:
        raise InputError(problems)
    return arch


def value_from(model: type[Model], source: YamlSource) -> Model:
    """Convert plain data to a pydantic value.

    Raises:
        InputError: with every problem of the data.
    """
    if not isinstance(source.data, dict):
        found = "nothing" if source.data is None else type(source.data).__name__
        raise InputError(
            Problem("", f"must be a mapping of keys, but is {found}", file=source.name)
        )
    try:
        return model.model_validate(source.data, context={"folders": folders_of(source.name)})
    except ValidationError as error:
        details = error.errors(include_url=False)
        # a list whose items failed is reported as empty too: the items' own errors say it better
        reported = [each for each in details if not (each["type"] == "too_short" and each["input"])]
        raise InputError([_problem(dict(each), model, source) for each in reported]) from None


def _problem(detail: dict[str, Any], model: type[BaseModel], source: YamlSource) -> Problem:
    """Translate one pydantic error into a `Problem` at its line."""
    path = _strip_tags(detail["loc"], source.data)
    kind, value, context = detail["type"], detail.get("input"), detail.get("ctx", {})
    if kind == "extra_forbidden":
        known = _keys_at(model, path[:-1], source)
        return source.problem(path, "is an unknown key", None, nearest(str(path[-1]), known))
    if kind == "missing":
        return source.problem(path, "is required", None, f"add '{path[-1]}'")
    if kind == "block_file":
        return source.problem((*path, "type"), context["rule"], context["name"], context["remedy"])
    if kind == "union_tag_invalid":
        known = context.get("expected") or [
            tag.strip(" '") for tag in context["expected_tags"].split(",")
        ]
        return source.problem(
            (*path, "type"), "must be a known type", context["tag"], nearest(context["tag"], known)
        )
    if kind == "union_tag_not_found":
        return source.problem(path, "needs a 'type'", value, "write {type: ...}")
    if kind == "literal_error":
        return source.problem(path, f"must be one of {context['expected']}", value)
    remedy = context.get("remedy") or _remedy(kind, value)
    return source.problem(path, _rule(kind, detail["msg"]), context.get("value", value), remedy)


#: our rule for a pydantic error, by the beginning of its type
_RULES = {
    "int_": "must be a whole number",
    "float_": "must be a number",
    "finite_number": "must be a finite number",
    "bool_": "must be true or false",
    "string_": "must be text",
    "model_": "must be a mapping of keys",
    "dict_type": "must be a mapping of keys",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "too_short": "must not be empty",
}
#: what YAML 1.1 took for true or false, and YAML 1.2 takes for words
_SWITCHES = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def _rule(kind: str, message: str) -> str:
    for start, rule in _RULES.items():
        if kind.startswith(start):
            return rule
    rule = message.removeprefix("Value error, ").replace("Input should", "must")
    rule = rule.replace("greater than or equal to", "at least")
    rule = rule.replace("less than or equal to", "at most").replace("must be a valid", "must be a")
    return rule[0].lower() + rule[1:]


def _remedy(kind: str, value: object) -> str:
    if kind.startswith("bool_") and str(value).lower() in _SWITCHES:
        return f"write {_SWITCHES[str(value).lower()]}"
    if kind.startswith("string_") and isinstance(value, bool | int | float):
        return "put it in quotes"
    if kind.startswith("int_") and isinstance(value, str | float):
        return _as_whole(value)
    return ""


def _as_whole(value: str | float) -> str:
    """Return how to write the whole number that was meant: ``1_000``, ``1e3`` or ``"1000"``."""
    try:
        number = float(value)
    except ValueError:
        return ""
    return f"write {int(number)}" if number.is_integer() else ""


def _strip_tags(location: tuple[str | int, ...], data: Any) -> KeyPath:
    """Drop the union tags that pydantic puts into a location: they are not keys of the file."""
    path: list[str | int] = []
    for part in location:
        if isinstance(data, str) and part == data:
            continue
        if isinstance(data, dict) and part not in data and part == data.get("type"):
            continue
        path.append(part)
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            data = None
    return tuple(path)


def _keys_at(model: type[BaseModel], path: KeyPath, source: YamlSource) -> list[str]:
    """Return the keys that the mapping at ``path`` may have."""
    data, folders = source.data, folders_of(source.name)
    current: type[BaseModel] | None = model
    annotation: Any = None
    for part in path:
        # what a command line gives as a text is read into keys that the data does not have
        is_there = isinstance(data, dict) or (isinstance(data, list) and isinstance(part, int))
        data = data[part] if is_there else None
        if isinstance(part, str) and current is not None:
            field = current.model_fields.get(part)
            annotation = field.annotation if field else None
        tag = data.get("type") if isinstance(data, dict) else None
        current = _model_in(annotation, tag, folders)
    return list(current.model_fields) if current else []


def _model_in(annotation: Any, tag: object, folders: Sequence[Path]) -> type[BaseModel] | None:
    """Return the pydantic class inside ``annotation``; among several, the one of type ``tag``."""
    found = _models(annotation)
    for types in (ATTENTIONS, FFNS):
        if types.base in found and isinstance(tag, str):
            return types.find(tag, folders)
    for each in found:
        kind = each.model_fields.get("type")
        if kind is not None and kind.default == tag:
            return each
    return found[0] if len(found) == 1 else None


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]
