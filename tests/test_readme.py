"""The README's first screen has exactly two commands, and they are the right ones."""

import runpy
from pathlib import Path

import pytest

from archsearch.cli.app import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands() -> dict[str, str]:
    found: dict[str, str] = runpy.run_path(str(ROOT / ".ci" / "readme_commands.py"))["commands"]()
    return found


def test_the_two_commands_stand_on_the_first_screen() -> None:
    first_screen = "\n".join(README.splitlines()[:30])
    for command in commands().values():
        assert command in first_screen


def test_the_first_command_is_a_run_that_would_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install, _, run = commands()["run"].partition(" && ")
    assert install == "pip install -e ."
    program, *arguments = run.split()
    assert program == "archsearch"
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--dry-run", "--runs-dir", str(tmp_path / "runs")])
    assert not ended.value.code
    printed = capsys.readouterr().out
    assert "space: lightweight" in printed
    assert "latency <= 5 ms" in printed
    assert not (tmp_path / "runs").exists(), "a dry run must write nothing"


def test_the_second_command_runs_the_gate() -> None:
    assert commands()["test"] == "pip install -e '.[dev]' && ./check.sh"


@pytest.mark.parametrize("link", sorted(set(__import__("re").findall(r"\]\(([^)#:]+)\)", README))))
def test_links_lead_somewhere(link: str) -> None:
    assert (ROOT / link).exists()
