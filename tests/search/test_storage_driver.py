"""Drivers of databases: the installed one is taken, a missing one is named, errors explained."""

import pytest
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
from sqlalchemy.engine import make_url

from archsearch.errors import InputError
from archsearch.search.storage import Storage, storage_at
from archsearch.search.storage_driver import url_problem, way_out, with_driver

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
