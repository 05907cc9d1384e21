"""Look through a folder of images, one folder a class, and list everything wrong with it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from archsearch.data.splits import Labels
from archsearch.errors import InputError, Problem, nearest

SUFFIXES = frozenset((".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff"))
SUFFIXES |= {".webp"}
_SHOWN = 5


@dataclass(frozen=True, eq=False)
class Files:
    """Image files of one split, with the size and modification time that a cache depends on."""

    paths: tuple[str, ...]
    stamps: tuple[tuple[int, int], ...]
    labels: Labels

    def __len__(self) -> int:
        return len(self.paths)


@dataclass(frozen=True, eq=False)
class FolderFiles:
    """What a folder holds; ``val`` or ``test`` is None where there is no such folder."""

    class_names: tuple[str, ...]
    train: Files
    val: Files | None
    test: Files | None


def scan_folder(folder: Path) -> FolderFiles:
    """List the images of ``folder``.

    Raises:
        InputError: with every problem of the layout.
    """
    if not folder.is_dir():
        rule = "must be a folder" if folder.exists() else "folder not found"
        raise InputError(Problem("data", rule, remedy="check the path", file=str(folder)))
    if not (folder / "train").is_dir():
        raise InputError(_no_train(folder))
    problems: list[Problem] = []
    class_names = tuple(_subfolders(folder / "train"))
    if len(class_names) < 2:
        problems.append(
            Problem(
                "",
                "must have at least two class folders",
                list(class_names),
                "make one folder of images for each class",
                file=str(folder / "train"),
            )
        )
    found = {
        name: _scan_split(folder / name, class_names, problems)
        for name in ("train", "val", "test")
        if (folder / name).is_dir()
    }
    if len(found) == 1:
        problems.append(
            Problem(
                "",
                "must have val/ beside train/",
                remedy="keep some images of each class there: only the final report looks at them",
                file=str(folder),
            )
        )
    if problems:
        raise InputError(problems)
    return FolderFiles(class_names, found["train"], found.get("val"), found.get("test"))


def _scan_split(folder: Path, class_names: tuple[str, ...], problems: list[Problem]) -> Files:
    present = _subfolders(folder)
    unknown = [name for name in present if name not in class_names]
    problems += [
        Problem(
            "",
            "every class must also be in train/",
            name,
            nearest(name, class_names) if class_names else "",
            file=str(folder),
        )
        for name in unknown
    ]
    paths: list[str] = []
    stamps: list[tuple[int, int]] = []
    labels: list[int] = []
    for label, name in enumerate(class_names):
        before = len(paths)
        for path, stamp in _images(folder / name) if name in present else ():
            paths.append(path)
            stamps.append(stamp)
        if name in present and len(paths) == before:
            problems.append(
                Problem(
                    "",
                    "must hold at least one image",
                    remedy=f"add one ({', '.join(sorted(SUFFIXES))}) or remove the folder",
                    file=str(folder / name),
                )
            )
        labels += [label] * (len(paths) - before)
    return Files(tuple(paths), tuple(stamps), np.asarray(labels, np.int64))


def _subfolders(folder: Path) -> list[str]:
    """Return the names of the visible folders in ``folder``, sorted."""
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))


def _images(folder: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the image files below ``folder``, sorted, with their size and time."""
    with os.scandir(folder) as entries:
        listed = sorted(
            (entry for entry in entries if not entry.name.startswith(".")),
            key=lambda entry: entry.name,
        )
    for entry in listed:
        if entry.is_dir():
            yield from _images(Path(entry.path))
        elif os.path.splitext(entry.name)[1].lower() in SUFFIXES:
            status = entry.stat()
            yield entry.path, (status.st_size, status.st_mtime_ns)


def _no_train(folder: Path) -> Problem:
    rule = "must have a folder train/ with one folder of images for each class"
    shown = [name for name in _subfolders(folder) if name not in ("val", "test")]
    remedy = "make it"
    if shown:
        names = ", ".join(f"{name}/" for name in shown[:_SHOWN])
        remedy = f"move the class folders ({names}{', ...' if len(shown) > _SHOWN else ''}) there"
    return Problem("data", rule, remedy=remedy, file=str(folder))
