"""Several writes to a study as one transaction: all of them are there after a kill, or none."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

from optuna.storages import BaseStorage, RDBStorage
from sqlalchemy.orm import Session


@contextlib.contextmanager
def together(storage: BaseStorage) -> Iterator[None]:
    """Commit what this thread writes to a database in the block once, at its end.

    Optuna commits each parameter and attribute by itself. A trial in one transaction costs a third
    of the time, and a killed process leaves no half of it. Storages that are no database, such as a
    journal, write as they always do.

    Raises:
        SQLAlchemyError: the database refused; nothing of the block is in it.
    """
    database: Any = getattr(storage, "_backend", storage)
    if not isinstance(database, RDBStorage):
        yield
        return
    database = cast(Any, database)
    outer: Any = database.scoped_session
    if isinstance(outer, _Registry):  # inside another block
        yield
        return
    session = outer()
    database.scoped_session = _Registry(session, outer)
    try:
        yield
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        database.scoped_session = outer
        session.close()


class _Registry:
    """Gives one thread the session of the block, and others their own."""

    def __init__(self, session: Session, others: Callable[[], Session]) -> None:
        self._shared, self._others = _OpenSession(session), others
        self._owner = threading.get_ident()

    def __call__(self) -> Any:
        return self._shared if threading.get_ident() == self._owner else self._others()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._others, name)


class _OpenSession:
    """A session that stays open: to commit is to flush."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def commit(self) -> None:
        self._session.flush()

    def close(self) -> None:
        pass
