import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from archsearch import __version__
from archsearch.cli.app import COMMANDS, main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert not ended.value.code
    return capsys.readouterr().out


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_command_has_help_and_its_module(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    function = importlib.import_module(f"archsearch.cli.{name}").command
    assert inspect.getdoc(function)
    text = run(capsys, name, "--help")
    assert text.count("--") >= 2
    assert "Usage: archsearch" in text or "Usage:" in text


def test_the_list_of_commands_is_complete(capsys: pytest.CaptureFixture[str]) -> None:
    text = run(capsys, "--help")
    for name in COMMANDS:
        assert f" {name} " in text


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version").strip() == f"archsearch {__version__}"


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from archsearch.cli.app import build_app; build_app(None); "
        "print(*sorted(set(sys.modules) & {'torch', 'timm', 'ray', 'optuna', 'plotly'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == []


def test_help_shows_the_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    words = " ".join(run(capsys, "run", "--help").replace("│", " ").split())
    assert "Candidates to train in all. [default: 48]" in words
    assert "[default: runs]" in words
    assert "\\" not in words


def test_the_page_on_searching_names_every_option_of_a_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "search.md").read_text(encoding="utf-8")
    options = set(re.findall(r"(--[a-z][a-z-]+)", run(capsys, "run", "--help"))) - {"--help"}
    assert len(options) > 30
    assert sorted(option for option in options if f"`{option}" not in page) == []
