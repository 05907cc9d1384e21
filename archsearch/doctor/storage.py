"""Where runs and caches are written, and what pages and terminals need."""

import contextlib
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from archsearch.doctor.finding import Finding

_LEAST_BYTES = 200 * 2**20
_SPARE_BYTES = 2 * 2**30
_REMOTE = ("nfs", "cifs", "smb", "fuse", "9p", "afs", "lustre", "gpfs", "beegfs")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def folder(name: str, wanted: Path, is_needed: bool = True) -> list[Finding]:
    """Try a folder: writing, free space, and the locks that SQLite needs; leave nothing behind.

    Args:
        name: what it is for.
        wanted: the folder; it need not exist yet.
        is_needed: without it a run fails.
    """
    place = wanted.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    level = "problem" if is_needed else "note"
    try:
        with tempfile.TemporaryDirectory(dir=place, prefix=".archsearch-doctor-") as made:
            locks = _locks_work(Path(made) / "try.db")
        free = shutil.disk_usage(place).free
    except (OSError, sqlite3.Error) as error:
        why = getattr(error, "strerror", None) or str(error)
        remedy = "name another one" if is_needed else "set ARCHSEARCH_CACHE to a folder of yours"
        means = "nothing can be written there"
        return [Finding(name, f"{wanted}: {why}", level, means, remedy)]  # type: ignore[arg-type]
    kind = _file_system(place)
    value = f"{wanted}, {free / 2**30:.1f} GiB free, {kind or 'local'}"
    if free < _LEAST_BYTES:
        return [Finding(name, value, level, "the disk is full", "make room")]  # type: ignore[arg-type]
    if not locks and is_needed:
        means = "two processes may write the study at once, and spoil it"
        remedy = "use a local disk, or --storage with a database server"
        return [Finding(name, value, "problem", means, remedy)]
    if kind.startswith(_REMOTE) and is_needed:
        means = "a network file system may lose locks, and makes SQLite slow"
        return [Finding(name, value, "note", means, "use a local disk, or --storage")]
    if free < _SPARE_BYTES:
        return [Finding(name, value, "note", "weights and data may fill the disk", "make room")]
    return [Finding(name, value)]


def terminal() -> list[Finding]:
    """Return whether this terminal shows what is printed, and pages can be turned into pictures."""
    encoding = (sys.stdout.encoding or "").lower()
    findings = [Finding("terminal", encoding or "unknown")]
    if "utf" not in encoding:
        means = "names outside ASCII are printed with question marks"
        remedy = "export PYTHONUTF8=1"
        findings = [Finding("terminal", encoding or "unknown", "note", means, remedy)]
    browser = next((path for each in _BROWSERS if (path := shutil.which(each))), "")
    value = browser or "none found; pages open in any browser, elsewhere too"
    return [*findings, Finding("browser", value)]


def _locks_work(path: Path) -> bool:
    """Tell whether a second connection is kept out while a first one writes."""
    with _opened(path) as first, _opened(path) as second:
        first.execute("CREATE TABLE t (x)")
        first.execute("BEGIN IMMEDIATE")
        try:
            second.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        return False


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def _file_system(place: Path) -> str:
    """Return the kind of the file system of a folder; empty where it cannot be determined."""
    best, kind = -1, ""
    for each in psutil.disk_partitions(all=True):
        mount = Path(each.mountpoint)
        if (place == mount or mount in place.parents) and len(mount.parts) > best:
            best, kind = len(mount.parts), each.fstype
    return kind
