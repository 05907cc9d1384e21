import os
from pathlib import Path

import pytest

from archsearch.errors import InputError
from archsearch.run import SearchConfig
from archsearch.run.run_folder import RunFolder, find_run, new_run_folder
from tests.odd_names import ODD_NAMES

IDENTITY = {"space": "tiny", "seed": 0, "budgets": {"latency_ms": 5.0}}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "runs" / "first")
    folder.create({"identity": IDENTITY})
    return folder


def test_the_same_configuration_may_go_on(folder: RunFolder) -> None:
    folder.check_same(IDENTITY)


def test_another_configuration_is_refused_with_every_difference(folder: RunFolder) -> None:
    with pytest.raises(InputError) as caught:
        folder.check_same({"space": "tiny", "seed": 1, "budgets": {"latency_ms": 3.0}, "new": 1})
    assert [problem.key for problem in caught.value.problems] == [
        "seed",
        "budgets.latency_ms",
        "new",
    ]
    first = str(caught.value.problems[0])
    assert "run 'first' was started with 0 (got 1)" in first
    assert "--name" in first


def test_a_folder_that_is_no_run_says_which_runs_there_are(folder: RunFolder) -> None:
    with pytest.raises(InputError, match=r"no config.yaml; runs in .*: first"):
        find_run("second", folder.path.parent).read_config()


def test_two_drivers_are_refused(folder: RunFolder) -> None:
    with (
        folder.lock(),
        pytest.raises(InputError, match="is being driven by process"),
        folder.lock(),
    ):
        pass
    with folder.lock():
        pass


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("", "must be a name that a folder can have"),
        (".", "must be a name that a folder can have"),
        ("..", "must be a name that a folder can have"),
        ("a/b", "without a path"),
        ("/", "without a path"),
        ("a\nb", "without control characters"),
        ("a\x00b", "without control characters"),
        ("a\udce9b", "without control characters"),
        ("x" * 256, "at most 255 bytes"),
        ("é" * 128, "at most 255 bytes"),
        (".trainings", "holds something else"),
    ],
)
def test_names_that_no_folder_can_have_are_refused(tmp_path: Path, name: str, rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        new_run_folder(tmp_path, name)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_other_name_works(tmp_path: Path, name: str) -> None:
    folder = new_run_folder(tmp_path, name)
    folder.create({"identity": IDENTITY})
    folder.write_weights("a" * 64, b"weights")
    folder.drop_weights_but(["b" * 64])
    assert folder.name == name
    assert not list(folder.checkpoints.iterdir())
    assert find_run(name, tmp_path).read_config() == {"identity": IDENTITY}
    assert find_run(tmp_path / name, "elsewhere").read_config() == {"identity": IDENTITY}


def test_a_run_is_named_by_its_folder_from_inside_too(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.path)
    assert find_run(".").name == "first"
    assert find_run("../first").name == "first"


def test_a_run_is_found_by_name_and_by_path(folder: RunFolder) -> None:
    runs = folder.path.parent
    assert find_run("first", runs).path == folder.path
    assert find_run(folder.path, "elsewhere").path == folder.path


def test_an_equal_space_may_come_from_another_file(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "runs" / "second")
    folder.create({"identity": {**IDENTITY, "space_digest": "abc"}})
    folder.check_same({**IDENTITY, "space": "copy.yaml", "space_digest": "abc"})
    with pytest.raises(InputError, match="space_digest"):
        folder.check_same({**IDENTITY, "space": "copy.yaml", "space_digest": "def"})
    folder.check_same({**IDENTITY, "space": "w", "space_digest": "def"}, space_may_differ=True)


def test_options_that_an_earlier_version_did_not_know_may_be_left_out(folder: RunFolder) -> None:
    folder.check_same({**IDENTITY, "budgets": {"latency_ms": 5.0, "memory_bytes": None}})
    folder.check_same({**IDENTITY, "elsewhere": False})


@pytest.mark.parametrize("field", [*SearchConfig.model_validate({"space": "s"}).identity()])
def test_a_field_that_an_earlier_version_did_not_have_had_its_default(
    tmp_path: Path, field: str
) -> None:
    now = SearchConfig.model_validate({"space": "s"}).identity()
    folder = RunFolder(tmp_path / "runs" / "earlier")
    folder.create({"identity": {key: value for key, value in now.items() if key != field}})
    if field != "space":  # the one without a default
        folder.check_same(now)


def test_a_field_that_was_not_there_may_not_be_another_than_its_default(tmp_path: Path) -> None:
    now = SearchConfig.model_validate({"space": "s"}).identity()
    folder = RunFolder(tmp_path / "runs" / "earlier")
    folder.create({"identity": {k: v for k, v in now.items() if k != "budget_confidence"}})
    with pytest.raises(InputError, match=r"budget_confidence.*0\.5.*0\.9"):
        folder.check_same({**now, "budget_confidence": 0.9})


def test_a_process_that_is_no_driver_holds_nobody_up(folder: RunFolder) -> None:
    """A number in a lock that nobody holds is of a dead driver, whoever has that number now."""
    folder.driver_lock.write_text(str(os.getppid()))
    assert not folder.is_driven
    with folder.lock():
        assert folder.driver_lock.read_text() == str(os.getpid())
        assert folder.is_driven
    assert not folder.is_driven
    for content in ("", "no number", "999999999999"):
        folder.driver_lock.write_text(content)
        assert not folder.is_driven
