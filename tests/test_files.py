"""Files are written in one way, whole or not at all, and refusals of the system are foreseen."""

import ast
import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from archsearch import files
from archsearch.errors import InputError
from tests.odd_names import ODD_NAMES

PACKAGE = Path(__file__).parent.parent / "archsearch"


def by_draft(path: Path) -> None:
    with files.replacing(path) as draft, draft.open("w", encoding="utf-8") as file:
        file.write('"new"\n')


WRITERS: dict[str, Callable[[Path], object]] = {
    "bytes": lambda path: files.write_bytes(path, b'"new"\n'),
    "text": lambda path: files.write_text(path, '"new"\n'),
    "json": lambda path: files.write_json(path, "new"),
    "durable": lambda path: files.write_text(path, '"new"\n', durable=True),
    "draft": by_draft,
}


@pytest.fixture(params=WRITERS, ids=str)
def write(request: pytest.FixtureRequest) -> Callable[[Path], object]:
    return WRITERS[request.param]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_name(write: Callable[[Path], object], tmp_path: Path, name: str) -> None:
    write(tmp_path / name / name)
    assert (tmp_path / name / name).read_text() == '"new"\n'
    assert [each.name for each in (tmp_path / name).iterdir()] == [name]


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077, 0o027])
def test_files_have_the_permissions_that_the_umask_gives(
    write: Callable[[Path], object], tmp_path: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        write(tmp_path / "file")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~umask


def test_a_link_stays_a_link(write: Callable[[Path], object], tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there" / "file")
    write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "file").read_text() == '"new"\n'


def test_a_device_is_written_into(write: Callable[[Path], object]) -> None:
    write(Path("/dev/null"))
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_full_device_is_named(write: Callable[[Path], object]) -> None:
    with pytest.raises(OSError) as caught:
        write(Path("/dev/full"))
    assert files.os_sentence(caught.value).startswith("/dev/full: the disk is full; free some")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("moment", ["write", "fsync", "replace"])
def test_what_was_there_stays_when_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, moment: str
) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def full(*arguments: object, **options: object) -> None:
        # as the system does where a write fails: without a name
        raise OSError(code, os.strerror(code))

    target = {
        "write": (files.Path, "write_bytes"),
        "fsync": (files.os, "fsync"),
        "replace": (files.Path, "replace"),
    }
    monkeypatch.setattr(*target[moment], full)
    with pytest.raises(OSError) as caught:
        files.write_text(path, "new", durable=True)
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path], "nothing half-written may be left"
    assert files.os_sentence(caught.value).startswith(f"{path}: ")


def test_a_full_disk_is_reported_whatever_the_writer_makes_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = files.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: usage._replace(free=100))
    with pytest.raises(OSError, match="No space left") as caught, files.replacing(tmp_path / "f"):
        raise RuntimeError("file write failed, errno 28, from C++")
    assert caught.value.filename == str(tmp_path / "f")


def test_errors_of_a_writer_stay_what_they_are(tmp_path: Path) -> None:
    def half(path: Path) -> None:
        with files.replacing(path) as draft:
            draft.write_text("half")
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        half(tmp_path / "f")
    assert not list(tmp_path.iterdir())


IMPOSSIBLE = {
    "below a file": ("taken/x", "a part of this path is a file, not a folder"),
    "far below a file": ("taken/x/y/z", "a part of this path is a file, not a folder"),
    "a name too long": ("x" * 300, "must be at most 255 bytes long"),
    "a long name inside": (f"{'x' * 300}/y", "must be at most 255 bytes long"),
    "a control character": ("a\nb", "must be text without control characters"),
    "no text": ("a\udce9", "must be text without control characters"),
    "a dead link": ("dead/x", "it is a link that leads nowhere"),
    "a loop of links": ("loop/x", "its links lead in a circle"),
    "a file system of the kernel": ("/proc/x/y", "no files can be made in /proc"),
    "another": ("/sys/x/y", ""),
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "taken").write_text("mine")
    (tmp_path / "dead").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    return tmp_path


@pytest.mark.parametrize("case", IMPOSSIBLE)
@pytest.mark.parametrize("check", [files.folder_problem, files.file_problem])
def test_impossible_places_are_problems(
    place: Path, check: Callable[..., files.Problem | None], case: str
) -> None:
    path, rule = IMPOSSIBLE[case]
    before = sorted(place.iterdir())
    problem = check("--output", place / path)
    assert problem is not None
    assert problem.key == "--output"
    assert problem.value == str(place / path)
    assert rule in problem.rule
    assert sorted(place.iterdir()) == before


def test_a_file_is_no_folder_and_a_folder_no_file(place: Path) -> None:
    folder = files.folder_problem("--runs-dir", place / "taken")
    assert folder is not None
    assert "is a file, not a folder" in folder.rule
    file = files.file_problem("--output", place)
    assert file is not None
    assert "it is a folder, and a file is needed" in file.rule


@pytest.mark.parametrize("name", ODD_NAMES)
def test_possible_places_are_none_and_stay_as_they_are(tmp_path: Path, name: str) -> None:
    assert files.folder_problem("--runs-dir", tmp_path / name / name) is None
    assert files.file_problem("--output", tmp_path / name / name) is None
    assert files.file_problem("--output", "/dev/null") is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC, errno.EDQUOT])
def test_what_the_system_refuses_is_foreseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(**options: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files.tempfile, "TemporaryFile", refuse)
    problem = files.folder_problem("--runs-dir", tmp_path)
    assert problem is not None
    assert problem.rule == f"cannot be written: {files._SENTENCES[code][0]}"
    assert problem.remedy


def test_a_nearly_full_disk_is_foreseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = files.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: usage._replace(free=3 * 2**20))
    problem = files.folder_problem("--runs-dir", tmp_path)
    assert problem is not None
    assert problem.rule == "the disk is nearly full: 3.0 MiB are free"


def test_damaged_json_is_a_problem(tmp_path: Path) -> None:
    for content in (b"", b'{"half": ', b"\xff\xfe"):
        (tmp_path / "f.json").write_bytes(content)
        with pytest.raises(InputError, match="is not JSON"):
            files.read_json(tmp_path / "f.json")
    with pytest.raises(InputError, match="it is a folder"):
        files.read_json(tmp_path)


@pytest.mark.parametrize(
    "text", [*ODD_NAMES, "", ".", "..", "/", "a/b", "...", "\n", "\udce9", "é" * 300, "🚀" * 300]
)
def test_a_name_that_is_made_is_valid(text: str) -> None:
    name = files.valid_name(text)
    assert files.name_rule(name) == ""
    assert not name.startswith(("-", "."))
    assert len(name.encode()) <= 100


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_shell_reads_a_word_as_it_was(tmp_path: Path, name: str) -> None:
    import shlex
    import subprocess

    word = files.shell_word(name)
    assert len(shlex.split(word)) == 1
    (tmp_path / name).write_text("read")
    done = subprocess.run(f"cat {word}", shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "read"), done.stderr


#: writing beside `archsearch.files`; what stands here writes into a temporary folder of its own
_ELSEWHERE = {"export/proof.py": {"write_text"}}
_WRITING = {
    "write_text",
    "write_bytes",
    "mkstemp",
    "NamedTemporaryFile",
    "savez",
    "savez_compressed",
}


@pytest.mark.parametrize(
    "path",
    [each for each in sorted(PACKAGE.rglob("*.py")) if each.name != "files.py"],
    ids=lambda path: path.relative_to(PACKAGE).as_posix(),
)
def test_nothing_is_written_in_another_way(path: Path) -> None:
    allowed = _ELSEWHERE.get(path.relative_to(PACKAGE).as_posix(), set())
    tree = ast.parse(path.read_text(encoding="utf-8"))
    drafts = "replacing(" in path.read_text(encoding="utf-8")
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        name = node.func.attr
        if name in _WRITING - allowed and not (name == "savez" and drafts):
            pytest.fail(f"{path.name}:{node.lineno} writes with {name}; use archsearch.files")
        is_moved = name == "replace" and len(node.args) == 1 and not node.keywords
        assert not is_moved, f"{path.name}:{node.lineno} moves a file; use archsearch.files"


def test_what_killed_processes_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    ended.wait()
    machine = files._machine()
    drafts = {
        f".a.{machine}-{ended.pid}-0.partial": False,
        f"inside/.b c.{machine}-{ended.pid}-7.partial": False,
        f".mine.{machine}-{os.getpid()}-0.partial": True,
        f".elsewhere.{'0' * 8}-{ended.pid}-0.partial": True,
        ".notes.partial": True,
        "a.partial": True,
    }
    for name in drafts:
        (tmp_path / name).write_text("half")
    files.remove_drafts(tmp_path)
    assert {name: (tmp_path / name).exists() for name in drafts} == drafts
    elsewhere = tmp_path / f".elsewhere.{'0' * 8}-{ended.pid}-0.partial"
    os.utime(elsewhere, (0, 0))
    files.remove_drafts(tmp_path)
    assert not elsewhere.exists()


def test_the_disk_has_the_contents_before_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(files.os, "fsync", lambda fd: (steps.append("sync"), sync(fd)))
    monkeypatch.setattr(
        files.Path, "replace", lambda self, to: (steps.append("replace"), replace(self, to))[1]
    )
    files.write_text(tmp_path / "a", "new")
    assert steps == ["sync", "replace"]
    files.write_text(tmp_path / "a", "new", durable=True)
    assert steps[2:] == ["sync", "replace", "sync"]
