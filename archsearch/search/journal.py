"""Studies in a journal file, which several machines may share by NFS."""

from pathlib import Path

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock


def open_journal(path: Path, *, must_exist: bool = False) -> JournalStorage:
    """Open a journal file.

    Raises:
        FileNotFoundError: there is none, and none is to be made.
    """
    if must_exist and not path.is_file():
        raise FileNotFoundError("the file is missing")
    return JournalStorage(JournalFileBackend(str(path)))


def mend(path: Path) -> None:
    """Cut off the end of a line that a killed process did not finish.

    With the next line behind it, nobody could read the file any more.
    """
    if not path.is_file():
        return
    lock = JournalFileSymlinkLock(str(path))
    lock.acquire()
    try:
        with path.open("r+b") as file:
            content = file.read()
            if content and not content.endswith(b"\n"):
                file.truncate(content.rfind(b"\n") + 1)
    finally:
        lock.release()
