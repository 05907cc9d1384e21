"""The study of a run: found wherever its folder is, under any name, and printed without secrets."""

import re
import sqlite3
from pathlib import Path

import optuna
import pytest
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from archsearch.errors import InputError, RunError
from archsearch.run.run_folder import RunFolder
from archsearch.run.run_reader import study_name
from archsearch.search import storage
from archsearch.search.storage import Storage, own_storage, storage_at, storage_of_run
from archsearch.search.study_store import StudyStore
from archsearch.space import load_space
from tests.odd_names import ODD_NAMES

PASSWORD = "s3cr et/@"
URL = "vault://user:s3cr%20et%2F%40@host/db"


class VaultDialect(SQLiteDialect_pysqlite):
    """A database that asks for a password, and whose driver repeats it in what it says."""

    supports_statement_cache = True
    file = ""

    def create_connect_args(self, url):
        if url.password != PASSWORD or not self.file:
            raise ConnectionError(f"no answer from {url.render_as_string(hide_password=False)}")
        return [self.file], {"check_same_thread": False}


registry.register("vault", __name__, "VaultDialect")


def begun(place: Storage, name: str = "first") -> Storage:
    study = optuna.create_study(storage=place.open(), study_name=name)
    study.tell(study.ask(), 1.0)
    return place


def trials(place: Storage, name: str = "first") -> int:
    return len(optuna.load_study(storage=place.open_to_read(), study_name=name).trials)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_folder_and_any_study_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    place = begun(own_storage(folder), name)
    assert [each.name for each in folder.iterdir()] == ["study.db"]
    for opened in (place.open(), place.open_to_read(), place.open_to_look(driven=False)):
        assert len(optuna.load_study(storage=opened, study_name=name).trials) == 1


def test_reading_makes_no_file(tmp_path: Path) -> None:
    for place in (own_storage(tmp_path), storage_at(f"sqlite:///{tmp_path / 'other.db'}")):
        for look in (place.open_to_read, lambda place=place: place.open_to_look(driven=False)):
            with pytest.raises(RunError, match="missing"), place.explain_errors("cannot be read"):
                optuna.get_all_study_names(look())
    assert not list(tmp_path.iterdir())


def test_the_longest_path_that_sqlite_opens(tmp_path: Path) -> None:
    def file(size: int) -> Path:
        folder = tmp_path
        while size - len(str(folder)) > 220:
            folder /= "x" * 100
        folder /= "y" * (size - len(str(folder)) - len("//study.db"))
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    longest = file(storage.LONGEST_PATH)
    assert len(str(longest / "study.db")) == storage.LONGEST_PATH
    assert trials(begun(own_storage(longest))) == 1
    with pytest.raises(RunError, match="cannot be opened"):
        StudyStore(own_storage(file(storage.LONGEST_PATH + 1)), "first", load_space("tiny"))


@pytest.mark.parametrize("recorded", ["study.db", "", "absolute"])
def test_a_run_has_the_study_that_lies_in_its_folder(tmp_path: Path, recorded: str) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    begun(own_storage(first))
    noted = f"sqlite:///{first / 'study.db'}" if recorded == "absolute" else recorded
    (first / "config.yaml").write_text("{}")
    assert storage_of_run(first, noted).file == first / "study.db"
    first.rename(second)
    assert storage_of_run(second, noted).file == second / "study.db"
    # a copy beside its original, whose study was lost: it must not take the original's
    second.rename(first)
    second.mkdir()
    assert storage_of_run(second, noted).file == second / "study.db"


def test_a_storage_elsewhere_stays_there(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared' / 'study.db'}"
    (tmp_path / "run").mkdir()
    place = storage_of_run(tmp_path / "run", url)
    assert place.file is None
    assert place.kept == url


def test_a_path_in_a_url_counts_from_where_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = storage_at("sqlite:///shared.db")
    monkeypatch.chdir("/")
    begun(place)
    assert (tmp_path / "shared.db").is_file()
    assert trials(storage_of_run(tmp_path, place.kept)) == 1


def test_the_name_of_the_study_outlives_the_folders(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "renamed")
    folder.path.mkdir()
    assert study_name(folder, {"study": "noted"}, folder.own_storage) == "noted"
    assert study_name(folder, {}, folder.own_storage) == "renamed"
    begun(folder.own_storage, "of an earlier version")
    assert study_name(folder, {}, folder.own_storage) == "of an earlier version"


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("postgresql+nodriver://user:s3cret@host/db", "knows no database of the kind"),
        ("nosuch://user:s3cret@host/db", "knows no database of the kind 'nosuch'"),
        ("redis://:s3cret@host/0", "knows no database of the kind 'redis'"),
        ("mysql+oursql_missing://u@h/d?password=s3cret", "knows no database of the kind"),
        ("study.db", "must be an Optuna storage URL.*; write sqlite:///study.db"),
        ("a/b.sqlite3", "write sqlite:///a/b.sqlite3"),
        ("study.log", "write journal:///study.log"),
        ("journal:///", "must name a file"),
        ("postgresql://user:s3cret@host:port/db", "must be an Optuna storage URL"),
    ],
)
def test_wrong_urls_are_problems_without_their_password(url: str, rule: str) -> None:
    with pytest.raises(InputError) as caught:
        storage_at(url)
    assert re.search(rule, str(caught.value))
    assert "s3cret" not in str(caught.value)


def test_a_missing_driver_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(cls):
        raise ModuleNotFoundError("No module named 'psycopg2'", name="psycopg2")

    monkeypatch.setattr(VaultDialect, "import_dbapi", classmethod(missing))
    with pytest.raises(
        InputError, match=r"needs the package psycopg2.*pip install psycopg2-binary"
    ):
        storage_at(URL)


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(VaultDialect, "file", str(tmp_path / "vault.db"))
    return tmp_path / "vault.db"


def test_the_password_opens_and_is_not_kept(vault: Path, tmp_path: Path) -> None:
    place = begun(storage_at(URL))
    assert vault.is_file()
    assert place.shown == place.kept == "vault://user@host/db"
    assert PASSWORD not in repr(place)
    assert "s3cr" not in repr(place)


def test_a_run_takes_its_password_from_the_environment(
    vault: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = begun(storage_at(URL))
    with pytest.raises(RunError):
        StudyStore(storage_of_run(tmp_path, place.kept), "first", load_space("tiny"))
    monkeypatch.setenv("ARCHSEARCH_STORAGE", URL)
    assert trials(storage_of_run(tmp_path, place.kept)) == 1
    # of another database it is none
    monkeypatch.setenv("ARCHSEARCH_STORAGE", URL.replace("host", "other"))
    assert storage_of_run(tmp_path, place.kept).url == place.kept


def test_what_a_driver_says_is_reported_without_the_password() -> None:
    place = storage_at(URL)
    with pytest.raises(RunError) as caught:
        StudyStore(place, "first", load_space("tiny"))
    message = str(caught.value)
    assert message.startswith("the study storage vault://user@host/db cannot be opened: no answer")
    assert "s3cr" not in message
    assert caught.value.__suppress_context__, "a traceback would show what the driver said"
    problem = storage.reach_problem(place)
    assert problem is not None
    assert "s3cr" not in str(problem)
    assert problem.key == "--storage"


def test_a_full_disk_is_reported_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = begun(own_storage(tmp_path))
    connect = sqlite3.connect

    def small(*arguments: object, **options: object) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    monkeypatch.setattr(storage.sqlite3, "connect", small)
    study = optuna.load_study(storage=place.open(), study_name="first")
    with pytest.raises(RunError) as caught, place.explain_errors("cannot be written"):
        study.set_user_attr("large", "x" * 100_000)
    assert str(caught.value) == (
        f"the study storage {tmp_path / 'study.db'} cannot be written: the disk is full; free some "
        "space and try again"
    )
    assert trials(place) == 1, "what was recorded before is there"


def test_a_damaged_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "study.db").write_bytes(
        b"no database at all, but long enough to be read as one" * 9
    )
    with pytest.raises(RunError, match=r"the file is no database; restore a copy"):
        StudyStore(own_storage(tmp_path), "first", load_space("tiny"))


def test_a_journal_outlives_a_kill_in_the_middle_of_a_line(tmp_path: Path) -> None:
    file = tmp_path / "shared.log"
    place = begun(storage_at(f"journal:///{file}"))
    assert place.kept == f"journal:///{file}"
    assert trials(place) == 1
    with file.open("ab") as journal:
        journal.write(b'{"op_code": 4, "worker_id": "x", "study')
    again = storage_of_run(tmp_path, place.kept)
    study = optuna.load_study(storage=again.open(), study_name="first")
    study.tell(study.ask(), 2.0)
    assert trials(again) == 2


def test_reading_makes_no_journal(tmp_path: Path) -> None:
    place = storage_at(f"journal:///{tmp_path / 'none.log'}")
    with pytest.raises(RunError, match="missing"), place.explain_errors("cannot be read", OSError):
        place.open_to_read()
    assert not list(tmp_path.iterdir())
