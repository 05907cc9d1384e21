"""Puts every command with its options in place of ``{{ commands }}``, from the commands themselves.

Read from Typer at build time, so the page cannot say what the program does not do.
"""

from typing import Any

import typer
from typer.main import get_command

from archsearch.cli.app import COMMANDS, HELP, build_app

_PLACE = "{{ commands }}"
#: click's words for what a value is
_KINDS = {"INTEGER": "whole number", "FLOAT": "number", "TEXT": "text", "PATH": "path"}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in the commands on the page that asks for them."""
    return markdown.replace(_PLACE, written()) if _PLACE in markdown else markdown


def written() -> str:
    """Return all commands as Markdown."""
    group = get_command(build_app(None))
    parts = [_plain(HELP), "## archsearch", _table(group)]
    return "\n\n".join([*parts, *(_command(name) for name in COMMANDS)])


def _command(name: str) -> str:
    group = get_command(build_app(name))
    command = group.commands[name]  # type: ignore[attr-defined]
    context = typer.Context(command, info_name=f"archsearch {name}")
    usage = command.get_usage(context).removeprefix("Usage: ")
    return "\n\n".join(
        [
            f"## {name}",
            f"```text\n{usage}\n```",
            _plain(command.help or ""),
            _table(command),
        ]
    )


def _table(command: Any) -> str:
    """Return the parameters under the headings that ``--help`` has."""
    panels: dict[str, list[Any]] = {}
    for parameter in command.params:
        if getattr(parameter, "hidden", False) or parameter.name == "help":
            continue
        argument = parameter.param_type_name == "argument"
        panel = getattr(parameter, "rich_help_panel", None)
        panels.setdefault(panel or ("Arguments" if argument else "Options"), []).append(parameter)
    lines = []
    for title, parameters in panels.items():
        lines += [f"| {title} | takes | what |", "| --- | --- | --- |"]
        lines += [_row(parameter) for parameter in parameters]
        lines.append("")
    return "\n".join(lines)


def _row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        name = f"`{parameter.human_readable_name}`"
        takes = "required" if parameter.required else "may be left out"
    else:
        name = ", ".join(f"`{each}`" for each in (*parameter.opts, *parameter.secondary_opts))
        flag = parameter.is_flag
        takes = "" if flag else _KINDS.get(parameter.type.name.upper(), parameter.type.name)
    text = _plain(parameter.help or "")
    default = parameter.default
    known = default is None or callable(default) or default in ("", False, ()) or "[default" in text
    if not known:
        text = f"{text} [default: {default}]"
    return f"| {name} | {takes} | {text} |"


def _plain(text: str) -> str:
    """Return help as Markdown that shows its characters: paragraphs stay, bars do not end cells."""
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    shown = "\n\n".join(part for part in paragraphs if part)
    for character in "[]<>*_":
        shown = shown.replace(character, f"&#{ord(character)};")
    return shown.replace("|", "&#124;")
