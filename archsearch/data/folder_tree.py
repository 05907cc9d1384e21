"""Everything below a folder: images, images that cannot be read here, other files, problems."""

import os
import stat
from dataclasses import dataclass, field

from archsearch.data.file_names import readable
from archsearch.data.image_formats import (
    NEEDS_HEIF,
    Foreign,
    foreign_by_name,
    is_litter,
    look_inside,
    suffixes,
)
from archsearch.errors import Problem

_HEAD_BYTES = 132
_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)

#: device and inode, which a folder has under all its names
Identity = tuple[int, int]


@dataclass
class Tree:
    """The contents of a folder, at any depth.

    Attributes:
        images: paths of image files, each folder's in the order of their names.
        stamps: size in bytes and modification time in ns of each.
        foreign: image files that are not read here, and what they are.
        others: files that are no images.
        problems: what the file system refused.
    """

    images: list[str] = field(default_factory=list)
    stamps: list[tuple[int, int]] = field(default_factory=list)
    foreign: list[tuple[str, Foreign]] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def walk(folder: str, tree: Tree, above: tuple[Identity, ...]) -> None:
    """Add what lies below ``folder`` to ``tree``; links are followed.

    Args:
        folder: a folder.
        tree: added to.
        above: the folders that the walk came through, and those that they lie in.
    """
    try:
        own = identity(folder)
        if own in above:
            tree.problems.append(_problem(folder, "is a link to a folder that it lies in"))
            return
        entries = _entries(folder)
    except OSError as error:
        tree.problems.append(_refused(folder, error))
        return
    for entry in entries:
        try:
            if entry.is_dir():
                walk(entry.path, tree, (*above, own))
            else:
                _add(entry, tree)
        except OSError as error:
            # other files do not matter, whether they can be reached or not
            if _may_be_image(entry.name):
                tree.problems.append(_refused(entry.path, error))


def identity(folder: str) -> Identity:
    """Return what ``folder`` is under all its names."""
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def subfolders(folder: str, problems: list[Problem] | None = None) -> list[str]:
    """Return the names of the folders in ``folder``, sorted, without hidden ones and litter.

    Args:
        folder: a folder.
        problems: collects what cannot be reached.
    """
    names = []
    try:
        for entry in _entries(folder):
            try:
                if entry.is_dir():
                    names.append(entry.name)
                elif entry.is_symlink() and "." not in entry.name:
                    entry.stat()
            except OSError as error:
                if problems is not None:
                    problems.append(_refused(entry.path, error))
    except OSError as error:
        if problems is not None:
            problems.append(_refused(folder, error))
    return names


def loose_images(folder: str) -> list[str]:
    """Return the names of the image files that lie in ``folder`` itself."""
    try:
        return [
            entry.name
            for entry in _entries(folder)
            if os.path.splitext(entry.name)[1].lower() in suffixes() and entry.is_file()
        ]
    except OSError:
        return []


def _entries(folder: str) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted((e for e in entries if not is_litter(e.name)), key=lambda entry: entry.name)


def _add(entry: os.DirEntry[str], tree: Tree) -> None:
    suffix = os.path.splitext(entry.name)[1].lower()
    status = entry.stat()
    if not stat.S_ISREG(status.st_mode):
        if _may_be_image(entry.name):
            kind = next((name for test, name in _KINDS if test(status.st_mode)), "no plain file")
            tree.problems.append(_problem(entry.path, f"must be a file, but is {kind}"))
        return
    found: str | Foreign | None = foreign_by_name(suffix)
    if found == NEEDS_HEIF:
        # phones and their exports call many a JPEG .HEIC
        found = _inside(entry.path) or found
    elif found is None:
        found = suffix if suffix in suffixes() else _inside(entry.path)
    if isinstance(found, Foreign):
        tree.foreign.append((entry.path, found))
    elif found is None:
        tree.others.append(entry.path)
    else:
        tree.images.append(entry.path)
        tree.stamps.append((status.st_size, status.st_mtime_ns))


def _inside(path: str) -> str | Foreign | None:
    try:
        with open(path, "rb") as file:
            found = look_inside(file.read(_HEAD_BYTES))
    except OSError:
        return None
    return found


def _may_be_image(name: str) -> bool:
    """Return whether a file that cannot be opened matters to the user."""
    suffix = os.path.splitext(name)[1].lower()
    return suffix == "" or suffix in suffixes() or foreign_by_name(suffix) is not None


def _refused(path: str, error: OSError) -> Problem:
    if isinstance(error, FileNotFoundError) and os.path.islink(path):
        return _problem(path, f"is a link to {readable(os.readlink(path))}, which does not exist")
    if isinstance(error, PermissionError):
        return _problem(path, "permission denied", "make it readable")
    reason = (error.strerror or type(error).__name__).lower()
    return _problem(path, f"cannot be read ({reason})")


def _problem(path: str, rule: str, remedy: str = "replace or remove it") -> Problem:
    return Problem("", rule, remedy=remedy, file=readable(path))
