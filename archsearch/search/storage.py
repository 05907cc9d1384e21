"""The storage of a run's study: the run's own SQLite file, or an Optuna storage URL.

A file is opened by its path and never through a URL, in which ``%``, ``?``, ``#`` and braces of
a folder's name would have a meaning. A URL is shown and kept without its password.
"""

import contextlib
import functools
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.storages import BaseStorage, RDBStorage, get_storage
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from archsearch.activity import doing
from archsearch.errors import ArchsearchError, InputError, Problem, RunError
from archsearch.search.journal import mend, open_journal
from archsearch.search.storage_driver import JOURNAL, url_problem, way_out, with_driver
from archsearch.secrets import hidden, split_secrets

#: name of a run's own study in its folder, and what ``config.yaml`` says of it
OWN_FILE = "study.db"
#: environment variable that may hold a storage URL with its password
VARIABLE = "ARCHSEARCH_STORAGE"
#: the longest path in bytes at which SQLite opens a file with its journal (os_unix.c)
LONGEST_PATH = 512 - len("-journal")

#: errors of Optuna's storages and what is below them
STORAGE_ERRORS: tuple[type[Exception], ...] = (
    optuna.exceptions.StorageInternalError,
    SQLAlchemyError,
    sqlite3.Error,
)
_SQLITE = "sqlite:///"
#: longest wait for a server that does not answer; drivers themselves wait minutes
_CONNECT_S = 10
_TIMED = ("postgresql", "mysql", "mariadb")


@dataclass(frozen=True)
class Storage:
    """Where a study is.

    Attributes:
        file: SQLite file of a run's own study; None for a storage elsewhere.
        url: Optuna storage URL of one elsewhere; it may hold a password.
        shown: the place without its password, for people, and for ``config.yaml``.
    """

    file: Path | None = None
    url: str = field(default="", repr=False)

    @property
    def shown(self) -> str:
        """The place in words that anybody may read."""
        return str(self.file) if self.file is not None else split_secrets(self.url)[0]

    @property
    def file_of_url(self) -> Path | None:
        """The SQLite file that is meant, the run's own or one that a URL names."""
        return self.file or _file_of(self.url)

    @property
    def kept(self) -> str:
        """What ``config.yaml`` holds: the run's own file is named relative to the run."""
        return OWN_FILE if self.file is not None else self.shown

    def open(self) -> BaseStorage:
        """Open the storage to read and write; a SQLite file is made where there is none."""
        if journal := self._journal:
            mend(journal)
            return open_journal(journal)
        if self.file is None:
            return get_storage(with_driver(self.url))
        return get_storage(_sqlite(self.file, "rwc"))

    @property
    def _journal(self) -> Path | None:
        return Path(self.url.removeprefix(JOURNAL)) if self.url.startswith(JOURNAL) else None

    def open_to_read(self) -> BaseStorage:
        """Open the storage; a SQLite file in a way that cannot write to it, and makes none."""
        file = self.file_of_url
        if journal := self._journal:
            return open_journal(journal, must_exist=True)
        if file is None:
            return get_storage(with_driver(self.url))
        return get_storage(_sqlite(file, "ro", skip_table_creation=True))

    def open_to_look(self, driven: bool) -> BaseStorage:
        """Open the storage to read what is there.

        A SQLite file whose writer was killed is repaired on the way, where it may be written.

        Args:
            driven: another process may be writing: two that open an empty database both make its
                tables, and that one is to be the one.
        """
        file = self.file_of_url
        if self._journal:
            return self.open_to_read()
        if file is None:
            return get_storage(with_driver(self.url))
        is_writable = os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)
        if driven or not is_writable:
            return self.open_to_read()
        return get_storage(_sqlite(file, "rw"))

    def hide(self, text: str) -> str:
        """Return ``text`` without the secrets of this storage."""
        return hidden(text, self.url) if self.url else text

    @contextlib.contextmanager
    def explain_errors(self, what: str, *also: type[Exception]) -> Iterator[None]:
        """Turn errors of the storage into a `RunError`: one sentence, without secrets.

        Args:
            what: the rest of "the study storage ...", e.g. ``cannot be read``.
            also: further kinds of errors that count as the storage's.
        """
        try:
            yield
        except ArchsearchError:
            raise
        except (*STORAGE_ERRORS, *also) as error:
            # not "from error": what a driver says may hold the password
            raise RunError(self.sentence(error, what)) from None

    def sentence(self, error: BaseException, what: str = "cannot be used") -> str:
        """Return what went wrong in the storage in one sentence, without secrets."""
        reason = self.hide(_innermost(error))
        place = f"the study storage {self.shown}"
        for sign, (rule, remedy) in _REASONS.items():
            if sign in reason:
                return f"{place} {what}: {rule}; {remedy}"
        remedy = way_out(reason) if self.file_of_url is None else ""
        return f"{place} {what}: {reason}" + (f"; {remedy}" if remedy else "")


_REASONS = {
    "disk is full": ("the disk is full", "free some space and try again"),
    "disk I/O error": ("the disk reports an error or is full", "free some space and try again"),
    "readonly database": ("it is read-only", "copy the run to a place that can be written"),
    "database is locked": ("another process holds it", "wait for it and try again"),
    "malformed": ("the file is damaged", "restore a copy, or give the run another --name"),
    "not a database": ("the file is no database", "restore a copy, or use another --name"),
    "unable to open database file": (
        "the file is missing or cannot be opened",
        "check that it is there and that you may read it",
    ),
}


def own_storage(folder: Path) -> Storage:
    """Return the storage that lies in the folder of a run."""
    return Storage(file=folder.resolve() / OWN_FILE)


def storage_at(url: str) -> Storage:
    """Return the storage at an Optuna storage URL; a SQLite path is made absolute.

    A URL without its password takes it from `VARIABLE`, where that names the same place.

    Raises:
        InputError: it is no such URL, or the package that it needs is missing.
    """
    if problem := url_problem(url):
        raise InputError(problem)
    if url.startswith(JOURNAL):
        return Storage(url=JOURNAL + os.path.abspath(url.removeprefix(JOURNAL)))
    kept = os.environ.get(VARIABLE, "")
    if kept and split_secrets(kept)[0] == url:
        url = kept
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and _is_plain_file(parsed):
        path = os.path.abspath(parsed.database or "")
        url = parsed.set(database=path).render_as_string(hide_password=False)
    return Storage(url=url)


def storage_of_run(folder: Path, recorded: str) -> Storage:
    """Return the storage of a run that was started.

    Runs of earlier versions named their own study by its absolute path, which is wrong once the
    folder has moved: a path to a ``study.db`` is the run's own if one lies in its folder, or if the
    path leads into the folder of another run.

    Args:
        folder: of the run.
        recorded: what its ``config.yaml`` says.

    Raises:
        InputError: that is no storage.
    """
    if recorded in ("", OWN_FILE):
        return own_storage(folder)
    file = Path(recorded.removeprefix(_SQLITE)) if recorded.startswith(_SQLITE) else None
    if file is not None and file.name == OWN_FILE:
        beside = (folder / OWN_FILE).is_file()
        if beside or file.parent.name == folder.name or (file.parent / "config.yaml").is_file():
            return own_storage(folder)
    return storage_at(recorded)


def reach_problem(storage: Storage) -> Problem | None:
    """Return why a database elsewhere cannot be reached; None if it can."""
    if storage.file is not None or _file_of(storage.url) is not None:
        return None
    if storage.url.startswith(JOURNAL):
        return None
    engine = None
    try:
        url = make_url(with_driver(storage.url))
        limit = {"connect_timeout": _CONNECT_S} if url.get_backend_name() in _TIMED else {}
        engine = sqlalchemy.create_engine(url, connect_args=limit)
        # a host may have several addresses, each with its own time
        with doing(f"reaching the study storage {storage.shown}"), engine.connect():
            return None
    except Exception as error:  # drivers raise what they like
        reason = storage.hide(_innermost(error))
        remedy = way_out(reason) or "check host, name and password"
        return Problem("--storage", f"cannot be reached: {reason}", storage.shown, remedy)
    finally:
        if engine is not None:
            engine.dispose()


def _file_of(url: str) -> Path | None:
    """Return the file of a SQLite URL; None for other databases, and for one in memory."""
    if not url.startswith("sqlite"):
        return None
    parsed = make_url(url)
    return Path(parsed.database or "").absolute() if _is_plain_file(parsed) else None


def _is_plain_file(parsed: sqlalchemy.engine.URL) -> bool:
    name = parsed.database or ""
    return bool(name) and name != ":memory:" and not name.startswith("file:")


def _sqlite(file: Path, mode: str, **options: Any) -> RDBStorage:
    """Open a SQLite file by its path; the URL only says of what kind it is."""
    address = f"{file.absolute().as_uri()}?mode={mode}"
    connect = functools.partial(sqlite3.connect, address, uri=True, check_same_thread=False)
    return RDBStorage(f"{_SQLITE}{OWN_FILE}", engine_kwargs={"creator": connect}, **options)


def _innermost(error: BaseException) -> str:
    """Return the message of what went wrong first, in one line."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    text = getattr(error, "orig", None) or error
    return " ".join(str(text).split()).rstrip(".") or type(error).__name__
