"""Drivers of databases: the installed one is taken, a missing one is named, errors explained."""

import gc
import os
import warnings

import pytest
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
from sqlalchemy.engine import make_url

from archsearch.errors import InputError, RunError
from archsearch.search.storage import Storage, reach_problem, storage_at
from archsearch.search.storage_driver import url_problem, way_out, with_driver
from archsearch.search.study_store import StudyStore
from archsearch.space import load_space

URL = "postgresql://user:s3cr%40t@host:5432/db?sslmode=require"
DIALECTS = {"psycopg": PGDialect_psycopg, "psycopg2": PGDialect_psycopg2}


def install(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let these drivers, and no others, be installed."""

    def found(cls):
        return object()

    for name, dialect in DIALECTS.items():

        def missing(cls, name=name):
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)

        known = found if name in names else missing
        monkeypatch.setattr(dialect, "import_dbapi", classmethod(known))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("psycopg",), "postgresql+psycopg"),
        (("psycopg2",), "postgresql+psycopg2"),
        (("psycopg", "psycopg2"), "postgresql+psycopg"),
        ((), "postgresql"),
    ],
)
def test_a_url_without_a_driver_takes_the_installed_one(
    monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], expected: str
) -> None:
    install(monkeypatch, *names)
    chosen = make_url(with_driver(URL))
    assert chosen.drivername == expected
    assert chosen.set(drivername="postgresql") == make_url(URL), "the rest is as it was"
    assert (url_problem(URL) is None) == bool(names)


def test_what_is_kept_names_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another machine may have another one."""
    install(monkeypatch, "psycopg2")
    place = storage_at(URL)
    assert place.kept == "postgresql://user@host:5432/db?sslmode=require"


@pytest.mark.parametrize("url", [URL, URL.replace("postgresql", "postgresql+psycopg")])
def test_a_missing_driver_is_installed_with_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    install(monkeypatch)
    with pytest.raises(InputError) as caught:
        storage_at(url)
    told = str(caught.value)
    assert "psycopg" in told
    assert "pip install " in told
    assert "s3cr" not in told
    if "+psycopg:" in url:
        assert "'psycopg[binary]'" in told


def test_a_driver_that_is_named_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "psycopg", "psycopg2")
    url = URL.replace("postgresql", "postgresql+psycopg2")
    assert with_driver(url) == url
    assert with_driver("sqlite:///study.db") == "sqlite:///study.db"


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ('connection to server at "h" failed: fe_sendauth: no password supplied', "PGPASSWORD"),
        ('FATAL: password authentication failed for user "u"', "check user and password"),
        ('FATAL: database "d" does not exist', "createdb"),
        ("Connection refused Is the server running on that host", "that the server runs"),
        ('could not translate host name "h" to address', "name of the host"),
        ("server closed the connection unexpectedly", "see that the server runs"),
        ("terminating connection due to administrator command", "see that the server runs"),
        ("something that nobody has seen", ""),
    ],
)
def test_what_a_driver_says_has_a_way_out(said: str, remedy: str) -> None:
    assert remedy in way_out(said)
    assert bool(way_out(said)) == bool(remedy)
    told = Storage(url=URL).sentence(RuntimeError(f"{said}."), "cannot be read")
    assert told.startswith(
        "the study storage postgresql://user@host:5432/db?sslmode=require cannot be read: "
    )
    assert remedy in told
    assert ".;" not in told


SERVER = os.environ.get("ARCHSEARCH_TEST_POSTGRESQL", "")


@pytest.mark.skipif(not SERVER, reason="ARCHSEARCH_TEST_POSTGRESQL names no database to write to")
def test_a_real_server() -> None:
    with warnings.catch_warnings():
        # SQLAlchemy leaves the connections of these engines to the garbage collector
        warnings.simplefilter("ignore", ResourceWarning)
        _use_a_server()
        gc.collect()


def _use_a_server() -> None:
    place = storage_at(SERVER)
    space = load_space("tiny")
    assert reach_problem(place) is None
    name = f"test-{os.getpid()}"
    first, second = (StudyStore(place, f"{name}-{each}", space) for each in "ab")
    asked = first.ask()
    second.ask()
    # another process finds what was begun, and queues it again
    again = StudyStore(storage_at(SERVER), f"{name}-a", space)
    assert again.recover() == (0, 1)
    assert again.ask().params == asked.params
    parsed = make_url(SERVER)
    wrong = {
        "password": parsed.set(password="n0tTh1s"),
        "database": parsed.set(database="there_is_no_such_database"),
        "port": parsed.set(host="127.0.0.1", port=1),
    }
    for url in wrong.values():
        text = url.render_as_string(hide_password=False)
        problem = reach_problem(Storage(url=text))
        assert problem is not None
        assert problem.remedy != "check host, name and password"
        assert str(url.password) not in str(problem)
        with pytest.raises(RunError) as caught:
            StudyStore(Storage(url=text), name, space)
        assert str(url.password) not in str(caught.value)
