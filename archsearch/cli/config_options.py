"""Options of a command that its configurations declare."""

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

import typer
from pydantic import BaseModel
from typer.models import OptionInfo

from archsearch.option import GROUPS, ConfigOption, options_in, with_default
from archsearch.settings import Setting

Function = TypeVar("Function", bound=Callable[..., Any])


def options_of(
    model: type[BaseModel],
    keys: Collection[str] | None = None,
    *,
    group: str = "",
    default: str = "",
) -> Callable[[Function], Function]:
    """Give a command the options that a configuration declares.

    The command takes their values as keywords, ``**given``. In the help they stand after the
    command's own parameters of their group, but before those that are keyword-only. ``flags`` of
    the function maps the key of each value to its flag, for messages.

    Args:
        model: the configuration.
        keys: dotted keys of the values that the command has options for; None for all.
        group: heading in the help, in place of the declared one.
        default: what happens without the option, in place of the declared default.
    """

    def decorated(function: Function) -> Function:
        found = [each for each in options_in(model) if keys is None or each.key in keys]
        made = [(each, _parameter(each, group, default)) for each in found]
        known = [*made, *getattr(function, "config_options", [])]
        function.config_options = known  # type: ignore[attr-defined]
        function.flags = {each.key: each.option.flag for each, _ in known}  # type: ignore[attr-defined]
        _set_signature(function, [parameter for _, parameter in known])
        return function

    return decorated


def given_values(model: type[BaseModel], given: Mapping[str, Any]) -> Iterator[Setting]:
    """Yield the values of a configuration that the command line gives.

    Args:
        model: the configuration.
        given: the command's parameters by name; None, and an empty list, are not given.
    """
    for each in options_in(model):
        value = given.get(each.option.parameter)
        if value is None or value == [] or value == ():
            continue
        written = str(value) if isinstance(value, Path) else value
        yield Setting(tuple(each.key.split(".")), written, each.key, each.option.flag)


def _parameter(each: ConfigOption, group: str, default: str) -> inspect.Parameter:
    text = with_default(each.option.help, default, None) if default else each.help
    made = typer.Option(each.flags, help=text, rich_help_panel=group or each.option.group)
    return inspect.Parameter(
        each.option.parameter,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[each.type | None, made],
    )


def _set_signature(function: Any, made: list[inspect.Parameter]) -> None:
    """Put the options of configurations into what Typer reads of a command."""
    if not hasattr(function, "own_signature"):
        function.own_signature = inspect.signature(function)
    own = [
        each
        for each in function.own_signature.parameters.values()
        if each.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    first = [each for each in own if each.kind is not inspect.Parameter.KEYWORD_ONLY]
    last = [each for each in own if each.kind is inspect.Parameter.KEYWORD_ONLY]
    ordered = sorted([*first, *made, *last], key=_place)
    function.__signature__ = inspect.Signature(
        [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in ordered]
    )
    function.__annotations__ = {each.name: each.annotation for each in ordered} | {"return": None}


def _place(parameter: inspect.Parameter) -> int:
    infos = [each for each in get_args(parameter.annotation) if isinstance(each, OptionInfo)]
    panel = infos[0].rich_help_panel if infos else None
    return GROUPS.index(panel) if panel in GROUPS else -1
