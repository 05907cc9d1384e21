"""A run that was moved, copied, renamed or mounted elsewhere is the run that it was."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import optuna
import pytest
import yaml

from archsearch.cli.app import main
from archsearch.dashboard.server import build_application
from archsearch.record import RunRecord
from archsearch.run import RunFolder, SilentListener, load_run
from archsearch.run.preparation import Place, locate
from archsearch.run.session import _go_on
from tests.dashboard.conftest import write_run
from tests.odd_names import ODD_NAMES
from tests.report.synthetic_run import synthetic_run

COMMANDS = {
    "front": ["front", "RUN"],
    "front as JSON": ["front", "RUN", "--json"],
    "report": ["report", "RUN"],
    "importance": ["importance", "RUN"],
    "export": ["export", "RUN", "--format", "yaml", "--output", "OUT/new/model.yaml"],
    "comparison": ["report", "RUN", "RUN", "--output", "OUT/comparison.html"],
}


@pytest.fixture(scope="module")
def run() -> RunRecord:
    return synthetic_run(80, seed=3)


@pytest.fixture(scope="module")
def original(run: RunRecord, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return write_run(RunFolder(tmp_path_factory.mktemp("author") / "runs" / "first"), run)


VERSIONS = ["this version", "an earlier version"]


@pytest.fixture(params=VERSIONS)
def made(request: pytest.FixtureRequest, original: RunFolder, tmp_path: Path) -> RunFolder:
    """A run, whose configuration names its study as this version or an earlier one does."""
    folder = RunFolder(tmp_path / "home" / "runs" / "first")
    shutil.copytree(original.path, folder.path)
    config = folder.read_config()
    config["identity"]["data"] = "folder:/home/author/secret-project/photos"
    config["identity"]["data_root"] = "/home/author/data"
    config["identity"]["space"] = "/home/author/spaces/lightweight.yaml"
    config["storage"] = folder.storage
    if request.param == "this version":
        config["storage"], config["study"] = "study.db", "first"
    folder.create(config)
    return folder


def with_another_trial(folder: RunFolder) -> None:
    """Change a study, so that reading it in place of another shows."""
    study = optuna.load_study(study_name="first", storage=folder.own_storage.open())
    study.set_user_attr("wall_s", 12345.0)


def moved(folder: RunFolder, tmp_path: Path) -> RunFolder:
    there = tmp_path / "laptop" / "second"
    there.parent.mkdir()
    shutil.move(folder.path, there)
    return RunFolder(there)


def copied(folder: RunFolder, tmp_path: Path) -> RunFolder:
    there = folder.path.parent / "copy"
    shutil.copytree(folder.path, there)
    with_another_trial(folder)
    return RunFolder(there)


def linked(folder: RunFolder, tmp_path: Path) -> RunFolder:
    there = moved(folder, tmp_path)
    (tmp_path / "link").symlink_to(there.path)
    return RunFolder(tmp_path / "link")


WAYS = [moved, copied, linked]


def in_short(command: str, way: int, version: int) -> bool:
    """Whether a case is one of the few: every command in every version, one in every way."""
    return command == "front" or way == (list(COMMANDS).index(command) + version) % len(WAYS)


CASES = [
    pytest.param(
        command,
        way,
        version,
        marks=() if in_short(command, at, VERSIONS.index(version)) else pytest.mark.slow,
        id=f"{version}-{command}-{way.__name__}",
    )
    for command in COMMANDS
    for at, way in enumerate(WAYS)
    for version in VERSIONS
]


@pytest.mark.parametrize(("command", "way", "made"), CASES, indirect=["made"])
def test_every_command_reads_it(
    way, command: str, made: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = way(made, tmp_path)
    (tmp_path / "out").mkdir()
    words = {"RUN": str(folder.path)}
    with pytest.raises(SystemExit) as ended:
        main(
            [
                words.get(word, word.replace("OUT", str(tmp_path / "out")))
                for word in COMMANDS[command]
            ]
        )
    output = capsys.readouterr()
    assert ended.value.code == 0, output.err
    for path in [*(tmp_path / "out").rglob("*"), folder.report]:
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            for private in ("/home/author", str(tmp_path), "secret-project"):
                assert private not in text, f"{path.name} tells where its author keeps things"
    assert "/home/author" not in output.out


@pytest.mark.parametrize("way", WAYS)
def test_it_reads_its_own_study(way, made: RunFolder, tmp_path: Path) -> None:
    folder = way(made, tmp_path)
    record = load_run(folder)
    assert record.name == folder.path.name
    assert record.wall_s != 12345.0
    assert len(record.trials) == 80
    build_application(folder)


@pytest.mark.parametrize("way", WAYS)
def test_it_goes_on_in_its_own_study(way, made: RunFolder, tmp_path: Path) -> None:
    folder = way(made, tmp_path)
    before = content(made.path) if way is copied else None
    found, storage = locate(Place(runs_dir=str(folder.path.parent)), folder.path.name)
    assert storage.file == folder.path.resolve() / "study.db"

    config = folder.read_config()
    prepared = SimpleNamespace(
        folder=found,
        storage=storage,
        identity=config["identity"],
        written={"data": config["data"], "recipe": config["recipe"]},
    )
    _go_on(prepared, SilentListener())
    config = folder.read_config()
    assert (config["storage"], config["study"]) == ("study.db", "first")
    study = optuna.load_study(study_name=config["study"], storage=storage.open())
    study.set_user_attr("mine", 1)
    assert load_run(folder).trials
    if before is not None:
        assert content(made.path) == before, "the original was written to"


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def read_only(made: RunFolder, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunFolder]:
    """A run on a read-only file system, as the system tells of it; root may write everywhere."""
    access = os.access
    monkeypatch.setattr(
        os,
        "access",
        lambda path, mode: access(path, mode) and not (mode & os.W_OK and "first" in str(path)),
    )
    before = content(made.path)
    yield made
    assert content(made.path) == before


def test_it_is_read_where_it_cannot_be_written(read_only: RunFolder) -> None:
    assert len(load_run(read_only).trials) == 80
    with pytest.raises(SystemExit) as ended:
        main(["front", str(read_only.path)])
    assert ended.value.code == 0


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of a few trials, so that its page is soon written."""
    return write_run(RunFolder(tmp_path_factory.mktemp("short") / "first"), synthetic_run(6))


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_name_of_its_folder(
    name: str, short: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / name / name
    shutil.copytree(short.path, folder)
    # what the original's path meant must not matter
    config = {**RunFolder(folder).read_config(), "storage": "study.db", "study": "first"}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    output = folder / f"{name[:180]}.html"
    for words in (
        ["front", "--json", "--", str(folder)],
        ["front", "--runs-dir", str(tmp_path / name), "--", name],
        ["report", "--output", str(output), "--", str(folder)],
    ):
        with pytest.raises(SystemExit) as ended:
            main(words)
        shown = capsys.readouterr()
        assert ended.value.code == 0, shown.err
        if "--json" in words:
            assert json.loads(shown.out)
    assert f"report: {output}" in shown.out.replace("\n", ""), "the path is printed as it is"
    page = output.read_text(encoding="utf-8")
    assert "<b>&amp;" not in page.partition("<script")[0].replace("&lt;b&gt;&amp;amp;", "")
