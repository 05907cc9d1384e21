"""Completion as zsh and fish do it: installed by the command, asked for by the shell itself."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

_PATIENCE_S = 60.0

needs_zsh = pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
needs_fish = pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home without settings, and a working folder with a run."""
    place = tmp_path_factory.mktemp("home")
    run = place / "runs" / "my-run"
    run.mkdir(parents=True)
    (run / "config.yaml").write_text("{}")
    return place


def environment(home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "ZDOTDIR"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**kept, "HOME": str(home), "PATH": path, "TERM": "dumb"}


def asked(shell: list[str], home: Path) -> str:
    done = subprocess.run(
        shell, capture_output=True, text=True, cwd=home, env=environment(home), timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


#: what stands on the line, and what it is completed to or offered
LINES = {
    "a command": ("archsearch ru", "run"),
    "an option": ("archsearch run tiny --sampl", "--sampler"),
    "a sampler": ("archsearch run tiny --sampler ev", "evolution"),
    "a value behind =": ("archsearch run tiny --sampler=ev", "--sampler=evolution"),
    "a run": ("archsearch front my", "my-run"),
    "a word with a colon": ("archsearch export zoo:lightvit_t", "zoo:lightvit_tiny"),
}


#: what a shell does not treat in a way of its own is completed alike: once is enough in the gate
CASES = [
    pytest.param(name, marks=pytest.mark.slow if name in ("an option", "a sampler") else ())
    for name in LINES
]


@needs_fish
@pytest.mark.parametrize("name", CASES)
def test_fish(name: str, home: Path) -> None:
    script = home / ".config" / "fish" / "completions" / "archsearch.fish"
    if not script.is_file():
        # fish hands itself over to a last command: the shell that is found must be fish
        asked(["fish", "-c", "archsearch --install-completion; true"], home)
    line, expected = LINES[name]
    offered = asked(["fish", "-c", f"complete -C '{line}'"], home)
    assert expected in [each.split("\t")[0] for each in offered.splitlines()]


@pytest.fixture(scope="module")
def zsh_home(home: Path) -> Path:
    asked(["zsh", "-fc", "archsearch --install-completion; true"], home)
    # compinit asks about folders that belong to others, as in a container
    settings = home / ".zshrc"
    settings.write_text(settings.read_text().replace("compinit\n", "compinit -u\n"))
    return home


@pytest.fixture
def zsh(zsh_home: Path) -> Iterator[int]:
    """The terminal of a zsh that has just started."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(zsh_home)
        os.execvpe("zsh", ["zsh", "-i"], environment(zsh_home))
    os.write(terminal, b"print read''y\n")
    seen(terminal, "\nready")
    yield terminal
    os.close(terminal)
    os.kill(pid, 9)
    os.waitpid(pid, 0)


def seen(terminal: int, expected: str) -> str:
    """Return what a terminal shows, once it shows ``expected``, or after a while."""
    text, until = "", time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        if select.select([terminal], [], [], 0.2)[0]:
            text += os.read(terminal, 65536).decode(errors="replace").replace("\r", "\n")
            text = re.sub("\x1b\\[[0-9;?]*[a-zA-Z]", "", text)
        if expected in text:
            return text
    raise AssertionError(f"{expected!r} does not show up: {text!r}")


@needs_zsh
@pytest.mark.parametrize("name", CASES)
def test_zsh_completes_at_the_first_key(name: str, zsh: int) -> None:
    line, expected = LINES[name]
    os.write(zsh, f"{line}\t".encode())
    # zsh writes what it adds to the line; the echo of what was typed ends before that
    seen(zsh, expected + (" " if name != "a run" else ""))


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_shown_script_is_what_is_installed(shell: str, home: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    shown = asked([shell, "-c", "archsearch --show-completion; true"], home)
    assert f"_ARCHSEARCH_COMPLETE=complete_{shell}" in shown
    if shell == "zsh":
        assert "loadautofunc" in shown


@pytest.mark.parametrize("option", ["--show-completion", "--install-completion"])
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_name_of_a_shell_is_no_command(option: str, shell: str, home: Path) -> None:
    line = [sys.executable, "-m", "archsearch", option, shell]
    done = subprocess.run(line, capture_output=True, text=True, env=environment(home), timeout=300)
    assert done.returncode == 2
    assert f"{option}: takes no name of a shell" in done.stderr
