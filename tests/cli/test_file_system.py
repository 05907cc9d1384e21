"""What the file system refuses is a problem in the list, or one sentence; never a traceback."""

import errno
import os
import shutil
import stat
from pathlib import Path

import pytest

from archsearch.cli import console
from archsearch.cli.app import main
from archsearch.cost import LatencyTable, TableKey, current_environment
from archsearch.cost.protocol import GATE
from archsearch.errors import InputError
from archsearch.run import RunFolder, load_run
from archsearch.run.config import SearchConfig
from archsearch.run.execution import log_to
from archsearch.run.latency.run_table import keep_table
from archsearch.run.preparation import Place, prepare
from tests.dashboard.conftest import write_run
from tests.report.synthetic_run import synthetic_run
from tests.run.conftest import Recorder


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("written") / "runs"
    write_run(RunFolder(runs / "first"), synthetic_run(12))
    return runs


@pytest.fixture(autouse=True)
def place(tmp_path: Path, written: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a run, a file where a folder is wanted, and links that lead nowhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "500")
    shutil.copytree(written, tmp_path / "runs")
    (tmp_path / "taken").write_text("mine")
    (tmp_path / "dead").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    return tmp_path


#: commands with an output, and how they name it in problems
WRITERS = {
    "run": (["run", "tiny", "--runs-dir"], "--runs-dir"),
    "ablate": (["ablate", "lightvit_layout", "--runs-dir"], "--runs-dir"),
    "report": (["report", "first", "--output"], "--output"),
    "comparison": (["report", "first", "first", "--output"], "--output"),
    "importance": (["importance", "first", "--output"], "--output"),
    "export": (["export", "first", "--format", "yaml", "--output"], "output"),
    "train": (["train", "zoo:lightvit_tiny", "--output"], "--output"),
    "zoo": (["zoo", "lightvit_tiny", "--page"], "--page"),
}
IMPOSSIBLE = {
    "taken/x": "a part of this path is a file, not a folder",
    "dead/x": "it is a link that leads nowhere",
    "loop/x": "its links lead in a circle",
    "/proc/x/y": "no files can be made in /proc",
    "x" * 300: "must be at most 255 bytes long",
    "a\nb": "must be text without control characters",
}


def ended(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(list(words))
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.mark.parametrize("output", IMPOSSIBLE)
@pytest.mark.parametrize("command", WRITERS)
def test_an_impossible_output_is_a_problem(
    command: str, output: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, option = WRITERS[command]
    before = sorted(place.rglob("*"))
    assert ended(*words, output) == 2
    shown = capsys.readouterr().err
    assert f"{option}: " in shown
    assert IMPOSSIBLE[output] in shown
    assert "Traceback" not in shown
    assert sorted(place.rglob("*")) == before


def test_it_is_reported_with_the_other_problems(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", "tiny", "--runs-dir", "taken", "--data", "digit", "--storage", "what"]
    assert ended(*words, "--sampler", "evolutoin") == 2
    output = capsys.readouterr().err
    for part in (
        "4 problems",
        "--runs-dir: ",
        "must be a known data set",
        "--storage: ",
        "must be a known sampler",
    ):
        assert part in output


@pytest.mark.parametrize("command", ["report", "export"])
def test_output_folders_are_made(command: str, place: Path) -> None:
    words, _ = WRITERS[command]
    assert ended(*words, "new/folder/file.html") == 0
    assert (place / "new" / "folder" / "file.html").is_file()


READERS = ["front", "report", "importance", "export", "dashboard", "profile", "space", "train"]


@pytest.mark.parametrize("target", ["taken/x", "loop", "x" * 300])
@pytest.mark.parametrize("command", READERS)
def test_what_cannot_be_read_is_a_problem(
    command: str, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(command, target) == 2
    output = capsys.readouterr().err
    assert "error: " in output
    assert "Traceback" not in output


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, 9999])
def test_what_nobody_foresaw_is_a_sentence(
    code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code), "some/file")

    monkeypatch.setattr("archsearch.cli.front.load_run", refuse)
    assert ended("front", "first") == 1
    output = capsys.readouterr().err
    assert output.startswith("failed: some/file: ")
    assert output.count("\n") == 1


def test_a_full_disk_under_the_page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("archsearch.files.Path.write_bytes", full)
    assert ended("report", "first") == 1
    output = capsys.readouterr().err
    assert output.startswith(
        f"failed: {Path('runs/first/report.html')}: the disk is full; free some"
    )
    assert not list((place / "runs" / "first").glob(".*"))


def test_output_to_a_full_device(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("report", "first", "--output", "/dev/full") == 1
    assert "/dev/full: the disk is full" in capsys.readouterr().err
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


def test_a_pipe_that_is_closed_is_no_failure_to_tell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "_leave_stdout", lambda: None)
    with pytest.raises(SystemExit) as caught, console.exit_codes():
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")
    assert caught.value.code == 1
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("taken", ["taken", "taken/below", "loop"])
def test_without_a_cache_a_run_goes_on_and_says_so(
    taken: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCHSEARCH_CACHE", str(place / taken))
    table = LatencyTable(TableKey.of(current_environment("cpu"), GATE, 1))
    listener = Recorder()
    keep_table(table, listener)
    (line,) = listener.lines
    assert line.startswith("the latency table is not kept for the next run: ")
    assert str(place / taken) in line
    prepared = prepare(SearchConfig(space="tiny"), Place())
    assert prepared.folder.name == "tiny-digits"


def test_a_calibration_needs_its_cache(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARCHSEARCH_CACHE", str(place / "taken"))
    assert ended("calibrate", "tiny") == 2
    assert "the cache ($ARCHSEARCH_CACHE): cannot be written" in capsys.readouterr().err


def test_a_user_without_a_home_has_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    from archsearch import resources

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("ARCHSEARCH_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(resources.Path, "home", homeless)
    assert resources.cache_dir().is_absolute()


def test_a_log_on_a_full_disk_prints_no_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    import logging

    with log_to(Path("/dev/full")):
        logging.getLogger("archsearch.test").warning("x" * 100_000)
    output = capfd.readouterr()
    assert output.err == ""


@pytest.mark.parametrize("name", ["config.yaml", "study.db"])
@pytest.mark.parametrize("content", [b"", b"\x00\xff half", None])
def test_a_damaged_run_is_a_problem(name: str, content: bytes | None, place: Path) -> None:
    path = place / "runs" / "first" / name
    path.unlink()
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(InputError):
        load_run("first")
