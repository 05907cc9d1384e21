"""The page of commands names the options that the program takes."""

import runpy
from pathlib import Path

import pytest
from typer.main import get_command

from archsearch.cli.app import COMMANDS, build_app

HOOK = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "hooks" / "commands.py"))


@pytest.fixture(scope="module")
def page() -> str:
    return HOOK["written"]()


@pytest.mark.parametrize("name", COMMANDS)
def test_options_are_those_of_the_program(page, name):
    section = page.split(f"## {name}\n")[1].split("\n## ")[0]
    rows = [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")]
    written = {word for row in rows for word in row.replace("/", ", ").split(", ")}
    command = get_command(build_app(name)).commands[name]
    options = [each for each in command.params if each.param_type_name == "option"]
    known = {word for each in options for word in (*each.opts, *each.secondary_opts)}
    assert {word for word in written if word.startswith("-")} == known - {"--help"}
    assert len(rows) == len([each for each in command.params if each.name != "help"])
