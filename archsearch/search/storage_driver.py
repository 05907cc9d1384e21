"""Drivers of the databases that a study may be in: which is used, which is missing, what it says.

A URL without a driver, ``postgresql://...``, means whichever driver is installed: SQLAlchemy's own
choice differs between its versions (psycopg2 until 2.0, psycopg from 2.1 on).
"""

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from archsearch.errors import Problem
from archsearch.secrets import split_secrets

#: kind of database to its drivers, as URLs name them
_DRIVERS = {
    "postgresql": ("psycopg", "psycopg2"),
    "mysql": ("mysqldb", "pymysql"),
    "mariadb": ("mysqldb", "pymysql"),
}
#: what brings a module that does not come with pip install NAME, or not with all that it needs
_PACKAGES = {
    "psycopg": "'psycopg[binary]'",
    "psycopg2": "psycopg2-binary",
    "MySQLdb": "mysqlclient",
}
_EXAMPLES = "e.g. sqlite:///study.db or postgresql://user@host/name"
#: endings of files to the kind of URL that opens them
_FILES = {".db": "sqlite", ".sqlite": "sqlite", ".sqlite3": "sqlite", ".log": "journal"}

#: how the URL of a journal file begins
JOURNAL = "journal:///"

_GIVE_PASSWORD = (
    "give it as PGPASSWORD or in ~/.pgpass, or give the whole URL as ARCHSEARCH_STORAGE"
)
_AGAIN = "see that the server runs"
#: words in what a driver says, and the way out
_REMEDIES = {
    "no password supplied": _GIVE_PASSWORD,
    "using password: NO": "give the whole URL with its password as ARCHSEARCH_STORAGE",
    "authentication failed": "check user and password",
    "Access denied": "check user and password",
    "does not exist": "check the name, or make the database first (createdb NAME)",
    "Unknown database": "make the database first",
    "refused": "check host and port, and that the server runs",
    "could not translate host": "check the name of the host",
    "failed to resolve host": "check the name of the host",
    "Name or service not known": "check the name of the host",
    "timeout": "check host and port, and what lies between",
    "shutting down": _AGAIN,
    "starting up": _AGAIN,
    "terminating connection": _AGAIN,
    "closed the connection": _AGAIN,
    "connection is closed": _AGAIN,
    "connection already closed": _AGAIN,
    "is lost": _AGAIN,
    "gone away": _AGAIN,
}


def way_out(reason: str) -> str:
    """Return what to do about what a driver says; empty where nobody knows."""
    return next((remedy for sign, remedy in _REMEDIES.items() if sign in reason), "")


def with_driver(url: str) -> str:
    """Return a valid URL with a driver that is installed, where it names none."""
    parsed = make_url(url)
    for driver in _DRIVERS.get(parsed.drivername, ()):
        named = parsed.set(drivername=f"{parsed.drivername}+{driver}")
        try:
            named.get_dialect().import_dbapi()
        except (ImportError, NoSuchModuleError):
            continue
        return named.render_as_string(hide_password=False)
    return url


def _remedy(url: str) -> str:
    """Return how to write a storage that is no URL: a path was meant, or nobody knows."""
    kind = next((kind for ending, kind in _FILES.items() if url.endswith(ending)), "")
    return f"write {kind}:///{url}" if kind and "://" not in url else _EXAMPLES


def url_problem(url: str) -> Problem | None:
    """Return what is wrong with a storage URL, or with what is installed for it."""
    shown, _ = split_secrets(url)
    if url.startswith(JOURNAL):
        if url == JOURNAL:
            return Problem("--storage", "must name a file", shown, f"e.g. {JOURNAL}study.log")
        return None
    try:
        dialect = make_url(url).get_dialect()
        if with_driver(url) != url:
            return None
    except NoSuchModuleError:
        kind = url.partition(":")[0]
        return Problem("--storage", f"knows no database of the kind '{kind}'", shown, _EXAMPLES)
    except (ArgumentError, ValueError):
        return Problem("--storage", "must be an Optuna storage URL", shown, _remedy(url))
    try:
        dialect.import_dbapi()
    except ImportError as error:
        name = (error.name or str(error)).partition(".")[0]
        rule = f"needs the package {name}, which is not installed or does not load"
        return Problem("--storage", rule, shown, f"pip install {_PACKAGES.get(name, name)}")
    return None
