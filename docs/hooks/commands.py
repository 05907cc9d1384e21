"""Puts every command with its options in place of ``{{ commands }}``, from the commands themselves.

Read at build time from the functions and annotations that Typer makes the commands of, so that the
page cannot say what the program does not do.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

from typer.models import ArgumentInfo, OptionInfo

from archsearch.cli.app import COMMANDS, HELP, archsearch

_PLACE = "{{ commands }}"
_KINDS = {int: "whole number", float: "number", str: "text", Path: "path"}


class Parameter(NamedTuple):
    """One argument or option.

    Attributes:
        name: as it is typed.
        takes: what kind of value; empty for a flag.
        help: as ``--help`` prints it, the default included.
        panel: heading it stands under.
    """

    name: str
    takes: str
    help: str
    panel: str


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in the commands on the page that asks for them."""
    return markdown.replace(_PLACE, written()) if _PLACE in markdown else markdown


def written() -> str:
    """Return all commands as Markdown."""
    parts = [_plain(HELP), "## archsearch", _tables(list(parameters(archsearch)))]
    for name in COMMANDS:
        function = import_module(f"archsearch.cli.{name}").command
        known = list(parameters(function))
        usage = [f"archsearch {name}", *(p.name for p in known if p.panel == "Arguments")]
        parts += [f"## {name}", f"```text\n{' '.join(usage)} [OPTIONS]\n```"]
        parts += [_plain(inspect.getdoc(function) or ""), _tables(known)]
    return "\n\n".join(parts)


def parameters(function: Callable[..., Any]) -> Iterator[Parameter]:
    """Return what a command takes, in the order of its function."""
    hints = get_type_hints(function, include_extras=True)
    for name, each in inspect.signature(function).parameters.items():
        kind, default, info, given = hints[name], each.default, None, ()
        if isinstance(default, OptionInfo | ArgumentInfo):
            info, default, given = default, default.default, default.param_decls or ()
        elif get_origin(kind) is Annotated:
            kind, *extras = get_args(kind)
            info = next((x for x in extras if isinstance(x, OptionInfo | ArgumentInfo)), None)
            # inside Annotated the first name stands where the default would
            first = getattr(info, "default", None)
            names = getattr(info, "param_decls", None) or ()
            given = (first, *names) if isinstance(first, str) else tuple(names)
        argument = isinstance(info, ArgumentInfo) or (info is None and default is each.empty)
        yield Parameter(
            _argument(name, kind, default is each.empty)
            if argument
            else _option(name, kind, given),
            _takes(kind),
            _help(info, default),
            getattr(info, "rich_help_panel", None) or ("Arguments" if argument else "Options"),
        )


def _argument(name: str, kind: Any, required: bool) -> str:
    shown = name.upper() + ("..." if get_origin(kind) is list else "")
    return shown if required else f"[{shown}]"


def _option(name: str, kind: Any, given: Sequence[str]) -> str:
    if given:
        return ", ".join(given)
    words = name.replace("_", "-")
    return f"--{words}/--no-{words}" if _bare(kind) is bool else f"--{words}"


def _bare(kind: Any) -> Any:
    """Return the type of one value: without None, and of a list its items."""
    if get_args(kind):
        return _bare(next(each for each in get_args(kind) if each is not type(None)))
    return kind


def _takes(kind: Any) -> str:
    bare = _bare(kind)
    if isinstance(bare, type) and issubclass(bare, Enum):
        return ", ".join(str(each.value) for each in bare)
    return _KINDS.get(bare, "")


def _help(info: Any, default: Any) -> str:
    text = getattr(info, "help", None) or ""
    value = default.value if isinstance(default, Enum) else default
    unsaid = value in (None, "", False, ...) or value is inspect.Parameter.empty
    if unsaid or "[default" in text:
        return text
    said = {True: "on"}.get(value, value) if isinstance(value, bool) else value
    return f"{text} [default: {said}]"


def _tables(known: list[Parameter]) -> str:
    """Return the parameters under the headings that ``--help`` has."""
    tables = []
    for panel in dict.fromkeys(each.panel for each in known):
        rows = [f"| {panel} | takes | what |", "| --- | --- | --- |"]
        rows += [
            f"| `{each.name}` | {each.takes} | {_plain(each.help)} |"
            for each in known
            if each.panel == panel
        ]
        tables.append("\n".join(rows))
    return "\n\n".join(tables)


def _plain(text: str) -> str:
    """Return help as Markdown that shows its characters: paragraphs stay, bars end no cells."""
    shown = "\n\n".join(" ".join(part.split()) for part in text.split("\n\n") if part.strip())
    for character in "[]<>*_|":
        shown = shown.replace(character, f"&#{ord(character)};")
    return shown
