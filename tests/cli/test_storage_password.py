"""The password of a storage is in nothing that archsearch writes, prints or starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from archsearch.cli.app import main
from archsearch.cli.storage_password import without_password
from archsearch.report import write_report
from archsearch.run import Place, SearchConfig, load_run, prepare
from archsearch.search.study_store import StudyStore
from tests.search.test_storage import PASSWORD, URL, VaultDialect

SHOWN = "vault://user@host/db"
CONFIG = SearchConfig(space="tiny", limit=100)


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(VaultDialect, "file", str(tmp_path / "vault.db"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "500")
    monkeypatch.delenv("ARCHSEARCH_STORAGE", raising=False)
    return tmp_path


def check_clean(folder: Path, *texts: str) -> None:
    for text in texts:
        assert PASSWORD not in text
        assert "s3cr" not in text
    for path in folder.rglob("*"):
        if path.is_file():
            assert b"s3cr" not in path.read_bytes(), f"{path} holds the password"


def test_a_run_keeps_everything_but_the_password(
    vault: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = prepare(CONFIG, Place(name="mine", storage=URL))
    assert "s3cr" not in repr(prepared)
    assert "s3cr" not in repr(Place(name="mine", storage=URL))
    prepared.folder.create(prepared.written)
    StudyStore(prepared.storage, "mine", prepared.space)
    config = prepared.folder.read_config()
    assert config["storage"] == SHOWN
    monkeypatch.setenv("ARCHSEARCH_STORAGE", URL)
    record = load_run(prepared.folder)
    write_report(record, prepared.folder.report)
    check_clean(vault, *capfd.readouterr(), repr(record))
    assert SHOWN.rpartition("/")[0] not in prepared.folder.report.read_text()


@pytest.mark.parametrize("way", ["option", "environment"])
def test_a_run_goes_on_with_the_password_given_again(
    vault: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    prepared = prepare(CONFIG, Place(name="mine", storage=URL))
    prepared.folder.create(prepared.written)
    StudyStore(prepared.storage, "mine", prepared.space)
    if way == "environment":
        monkeypatch.setenv("ARCHSEARCH_STORAGE", URL)
    again = prepare(CONFIG, Place(name="mine", storage=URL if way == "option" else ""))
    assert again.storage.url == URL
    assert again.storage.kept == SHOWN


def test_a_run_does_not_change_its_storage(
    vault: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = prepare(CONFIG, Place(name="mine"))
    prepared.folder.create(prepared.written)
    words = ["run", "tiny", "--limit", "100", "--name", "mine"]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--storage", URL])
    output = capfd.readouterr()
    assert ended.value.code == 2
    assert f"run 'mine' was started with study.db (got '{SHOWN}'" in output.err
    check_clean(vault, *output)
    # the environment is for new runs, and for the passwords of old ones
    monkeypatch.setenv("ARCHSEARCH_STORAGE", URL)
    assert prepare(CONFIG, Place(name="mine")).storage == prepared.folder.own_storage
    assert prepare(CONFIG, Place(name="new")).storage.url == URL


@pytest.mark.parametrize("words", [[], ["--verbose"]])
def test_a_database_without_an_answer(
    words: list[str],
    vault: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(VaultDialect, "file", "")
    with pytest.raises(SystemExit) as ended:
        main([*words, "run", "tiny", "--limit", "100", "--storage", URL, "--name", "mine"])
    output = capfd.readouterr()
    assert ended.value.code == 2
    assert (
        f"--storage: cannot be reached: no answer from {SHOWN.split('user')[0]}user:***"
        in output.err
    )
    check_clean(vault, *output)
    assert not (vault / "runs").exists(), "nothing is written"


@pytest.mark.parametrize("command", ["front", "report", "export", "importance", "dashboard"])
def test_reading_without_an_answer(
    command: str, vault: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = prepare(CONFIG, Place(name="mine", storage=URL))
    prepared.folder.create(prepared.written)
    monkeypatch.setenv("ARCHSEARCH_STORAGE", URL)
    monkeypatch.setattr(VaultDialect, "file", "")
    with pytest.raises(SystemExit) as ended:
        main([command, "mine"])
    output = capfd.readouterr()
    assert ended.value.code == 2
    assert "cannot be read" in output.err
    check_clean(vault, *output)


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["a", "run", "--storage", URL, "-q"], ["a", "run", "--storage", SHOWN, "-q"]),
        (["a", "run", f"--storage={URL}"], ["a", "run", f"--storage={SHOWN}"]),
    ],
)
def test_the_command_line_is_rid_of_it(words: list[str], kept: list[str]) -> None:
    assert without_password(words) == (kept, URL)


@pytest.mark.parametrize(
    "words",
    [["a", "run", "--storage"], ["a", "run", "--storage", "sqlite:///s.db"], ["a", "front", URL]],
)
def test_other_command_lines_stay_as_they_are(words: list[str]) -> None:
    assert without_password(words) == (words, "")


@pytest.mark.skipif(os.name != "posix", reason="a program cannot replace itself there")
def test_no_process_shows_it() -> None:
    """The program replaces itself before it imports or starts anything."""
    code = (
        "import sys, os\n"
        "from archsearch.cli.storage_password import hide_password\n"
        "hide_password()\n"
        "print(open('/proc/self/cmdline').read().replace(chr(0), ' '))\n"
        "print(os.environ['ARCHSEARCH_STORAGE'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "run", "tiny", "--storage", URL],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    shown, environment = done.stdout.splitlines()[-2:]
    assert "s3cr" not in shown
    assert shown.rstrip().endswith(f"--storage {SHOWN}")
    assert environment == URL
