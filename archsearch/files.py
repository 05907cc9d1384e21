"""Write files whole or not at all, and explain errors of the file system."""

import contextlib
import errno
import itertools
import json
import os
import platform
import re
import shlex
import shutil
import stat
import tempfile
import time
import unicodedata
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from archsearch.errors import InputError, Problem

#: most bytes of one name in the file systems in use
NAME_BYTES = 255
_LEAST_FREE_BYTES = 16 * 2**20
_FULL_BYTES = 2**20
_TRIED_BYTES = 4096
_count = itertools.count()
_DRAFT = re.compile(r"\..*\.(?P<machine>[0-9a-f]{8})-(?P<pid>\d{1,9})-\d+\.partial", re.DOTALL)
#: a draft of another machine that is older was left by a killed process
_DRAFT_LIVES_S = 86_400.0

#: error number to what happened and the way out
_SENTENCES = {
    errno.ENOSPC: ("the disk is full", "free some space and try again"),
    errno.EDQUOT: ("your quota of disk space is used up", "free some space and try again"),
    errno.EFBIG: ("the file would be larger than is allowed here", "raise the limit (ulimit -f)"),
    errno.EROFS: ("it is on a read-only file system", "name another place"),
    errno.EACCES: ("permission denied", "change its permissions, or name another place"),
    errno.EPERM: ("the system does not permit this", "name another place"),
    errno.ENOENT: ("there is no such file or folder", "check the path"),
    errno.ENOTDIR: ("a part of this path is a file, not a folder", "name another place"),
    errno.EISDIR: ("it is a folder, and a file is needed", "add a file name"),
    errno.EEXIST: ("it exists already", "name another place"),
    errno.ENOTEMPTY: ("it is a folder that is not empty", "name another place"),
    errno.ENAMETOOLONG: ("a name in this path is too long", "choose a shorter one"),
    errno.ELOOP: ("its links lead in a circle", "repair the links"),
    errno.EIO: ("the disk reports an error", "check the disk"),
    errno.ESTALE: ("its network share is gone", "mount it again"),
    errno.EMFILE: ("too many files are open", "raise the limit (ulimit -n)"),
    errno.ENFILE: ("too many files are open on this machine", "close other programs"),
}


def what_happened(error: OSError) -> tuple[str, str]:
    """Return what the system refused, and a remedy, which may be empty."""
    known = _SENTENCES.get(error.errno or 0)
    return known or (error.strerror or str(error) or type(error).__name__, "")


def os_sentence(error: OSError) -> str:
    """Return a sentence about ``error``: which path, what happened, and the way out."""
    rule, remedy = what_happened(error)
    return str(Problem("", rule, remedy=remedy, file=_name_of(error)))


def _name_of(error: OSError) -> str:
    name = error.filename if error.filename is not None else ""
    return os.fsdecode(name) if isinstance(name, str | bytes | os.PathLike) else str(name)


@contextlib.contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Let an `OSError` that names no file, as a failed write does, name ``path``."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


@contextlib.contextmanager
def replacing(path: str | Path, *, durable: bool = False) -> Iterator[Path]:
    """Yield a new path beside ``path``; what is written there takes the place of ``path`` at last.

    A reader sees the old file or the new one, whole. After an error the old one is untouched and
    nothing else is left. The folder is made. Files get the permissions that the umask gives, a link
    stays a link, and what is no file (``/dev/null``, a pipe) is written into.

    The disk has the contents before the name: a power cut leaves the old file, not an empty one.

    Args:
        path: the file.
        durable: wait until the disk has the name too, so that the new file outlives a power cut.

    Raises:
        OSError: naming ``path``, whatever the writer made of a full disk.
    """
    target = Path(os.path.realpath(path))
    if _is_special(target):
        with naming(path):
            yield target
        return
    draft = target.with_name(_draft_name(target.name))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        _sync(draft)
        draft.replace(target)
        if durable:
            _sync(target.parent)
    except OSError as error:
        if error.filename in (None, str(draft)):
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        raise
    except Exception as error:
        # writers in other languages raise errors of their own where the disk is full
        if _is_full(target.parent):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def remove_drafts(folder: str | Path) -> None:
    """Remove what `replacing` left in and below a folder when its process was killed.

    Drafts of living processes stay; so do those of other machines, for a day.
    """
    for draft in Path(folder).rglob(".*.partial"):
        found = _DRAFT.fullmatch(draft.name)
        if found is None:
            continue
        # the folder may be gone, or closed to this user
        with contextlib.suppress(OSError):
            is_here = found["machine"] == _machine()
            is_old = time.time() - draft.stat().st_mtime > _DRAFT_LIVES_S
            if is_old or (is_here and not psutil.pid_exists(int(found["pid"]))):
                draft.unlink()


def write_bytes(path: str | Path, data: bytes, *, durable: bool = False) -> Path:
    """Write a file whole or not at all, see `replacing`; return its path."""
    with replacing(path, durable=durable) as draft:
        draft.write_bytes(data)
    return Path(path)


def write_text(path: str | Path, text: str, *, durable: bool = False) -> Path:
    """Write UTF-8 text whole or not at all, see `replacing`; return its path."""
    return write_bytes(path, text.encode("utf-8", errors="backslashreplace"), durable=durable)


def write_json(path: str | Path, data: Any, *, durable: bool = False) -> Path:
    """Write JSON whole or not at all, see `replacing`; return its path."""
    return write_text(path, json.dumps(data, indent=2) + "\n", durable=durable)


def read_json(path: str | Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        InputError: it cannot be read, or is no JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        rule, remedy = what_happened(error)
        raise InputError(Problem("", rule, remedy=remedy, file=str(path))) from None
    except ValueError as error:
        remedy = "restore it, or delete it if nothing depends on it"
        problem = Problem("", f"is not JSON ({error})", remedy=remedy, file=str(path))
        raise InputError(problem) from None


def folder_problem(key: str, path: str | Path) -> Problem | None:
    """Return why no files can be written into a folder, which need not exist; None if they can.

    What the system permits is tried, with a nameless file: permission bits do not tell of read-only
    and full disks, quotas, or the rights of root.

    Args:
        key: the option or key that named the folder.
        path: the folder.
    """
    return _refusal(key, path, Path(path))


def file_problem(key: str, path: str | Path) -> Problem | None:
    """Return why a file cannot be written, None if it can; see `folder_problem`."""
    if os.path.isdir(path) or str(path).endswith(os.sep):
        return _problem(key, path, OSError(errno.EISDIR, "", str(path)))
    if _is_special(Path(path)):
        return None
    return _refusal(key, path, Path(path).parent)


def is_file(path: str | Path) -> bool:
    """Tell whether there is a file; an impossible path is none."""
    return os.path.isfile(path)


def shell_word(path: str | Path) -> str:
    """Return a path as a shell takes it, as one word that is no option."""
    word = str(path)
    return shlex.quote(f"./{word}" if word.startswith("-") else word)


def name_rule(name: str) -> str:
    """Return which rule a name breaks as the name of one file or folder; empty for none."""
    if not name or name in (".", ".."):
        return "must be a name that a folder can have"
    if "/" in name or (os.altsep and os.sep in name):
        return "must be the name of one folder, without a path"
    # Cc: control characters; Cs: bytes that are no text
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in name):
        return "must be text without control characters"
    if len(name.encode()) > NAME_BYTES:
        return f"must be at most {NAME_BYTES} bytes long"
    return ""


def valid_name(text: str, most_bytes: int = 100) -> str:
    """Return a name for a file or folder that is made from any text, such as other names."""
    plain = "".join(c if c.isalnum() or c in "._-" else "_" for c in text)
    short = plain.encode()[:most_bytes].decode(errors="ignore").lstrip(".-")
    return short or "unnamed"


def _refusal(key: str, path: str | Path, folder: Path) -> Problem | None:
    """Return why ``path``, which is ``folder`` or in it, cannot be written; None if it can."""
    if problem := _path_problem(key, path):
        return problem
    try:
        parent = _nearest(folder.absolute())
        with tempfile.TemporaryFile(dir=parent) as file:
            file.write(b"\0" * _TRIED_BYTES)
            file.flush()
    except FileNotFoundError:
        # as /proc and /sys say it
        rule = f"cannot be written: no files can be made in {parent}"
        return Problem(key, rule, str(path), "name another place")
    except OSError as error:
        return _problem(key, path, error)
    free = shutil.disk_usage(parent).free
    if free < _LEAST_FREE_BYTES:
        rule = f"the disk is nearly full: {free / 2**20:.1f} MiB are free"
        return Problem(key, rule, str(path), "free some space, or name another place")
    return None


def _problem(key: str, path: str | Path, error: OSError) -> Problem:
    rule, remedy = what_happened(error)
    return Problem(key, f"cannot be written: {rule}", str(path), remedy)


def _path_problem(key: str, path: str | Path) -> Problem | None:
    """Return what is wrong with a path before any file system is asked."""
    for part in Path(path).parts:
        if part not in (".", "..", os.sep, Path(path).anchor) and (rule := name_rule(part)):
            return Problem(key, f"each part of the path {rule}", str(path), "choose another name")
    return None


def _nearest(path: Path) -> Path:
    """Return the nearest folder above ``path`` that exists, or ``path`` itself.

    Raises:
        OSError: something that is no folder is in the way.
    """
    for place in (path, *path.parents):
        if place.is_dir():
            return place
        if os.path.lexists(place):
            try:
                place.stat()
            except FileNotFoundError:
                raise OSError(0, "it is a link that leads nowhere", str(place)) from None
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(place))
    return path


def _is_special(path: Path) -> bool:
    """Tell whether there is something that is neither file nor folder."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _draft_name(name: str) -> str:
    ending = f".{_machine()}-{os.getpid()}-{next(_count)}.partial"
    kept = name.encode()[: NAME_BYTES - 1 - len(ending)].decode(errors="ignore")
    return f".{kept}{ending}"


@cache
def _machine() -> str:
    """Return a word for this machine, as drafts on a shared disk name it."""
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _is_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < _FULL_BYTES
    except OSError:
        return False


def _sync(path: Path) -> None:
    """Wait until the disk has a file or the entries of a folder; some systems cannot say."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)
