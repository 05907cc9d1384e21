"""Look through a folder of images, one folder a class, and list everything wrong with it."""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from archsearch.data.file_names import composed, readable
from archsearch.data.folder_layout import find_layout
from archsearch.data.folder_tree import Tree, identity, loose_images, subfolders, walk
from archsearch.data.image_formats import suffixes
from archsearch.data.splits import Labels
from archsearch.errors import InputError, Problem, limited, nearest

_SHOWN = 5
_MANY = 20


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
    """The contents of a folder.

    Attributes:
        class_names: by class index.
        train: files in train/, or in the class folders where there are no splits.
        val: None where there is no such folder.
        test: likewise.
        places: name of the folder of each split that has one.
        notes: lines for the reader about what was left out.
        skipped: paths of the image files that are not read here.
    """

    class_names: tuple[str, ...]
    train: Files
    val: Files | None
    test: Files | None
    places: dict[str, str]
    notes: tuple[str, ...]
    skipped: tuple[str, ...]


def scan_folder(folder: Path) -> FolderFiles:
    """List the images of ``folder``.

    Raises:
        InputError: with every problem of the layout.
    """
    if not folder.is_dir():
        rule = "must be a folder" if folder.exists() else "there is no such folder"
        raise InputError(Problem("data", rule, remedy="check the path", file=readable(str(folder))))
    problems: list[Problem] = []
    notes: list[str] = []
    skipped: list[str] = []
    layout = find_layout(folder, problems)
    class_names = tuple(dict.fromkeys(composed(name) for name in layout.classes))
    if len(class_names) < 2:
        problems.append(
            Problem(
                "",
                "must have at least two class folders",
                list(class_names),
                "make one folder of images for each class",
                file=readable(str(layout.train)),
            )
        )
    found, places = {}, {}
    for name, part in (("train", layout.train), ("val", layout.val), ("test", layout.test)):
        if part is not None:
            found[name] = _scan_split(part, class_names, problems, notes, skipped)
            places[name] = f"{readable(part.name)}/" if part != folder else ""
    if layout.ignored:
        listed = _some([f"{readable(name)}/" for name in layout.ignored])
        notes.append(f"folders beside {places['train']} that are left out: {listed}")
    if problems:
        raise InputError(limited(problems, "problems"))
    return FolderFiles(
        class_names,
        found["train"],
        found.get("val"),
        found.get("test"),
        places,
        tuple(notes),
        tuple(skipped),
    )


def _scan_split(
    folder: Path,
    class_names: tuple[str, ...],
    problems: list[Problem],
    notes: list[str],
    skipped: list[str],
) -> Files:
    above = (identity(str(folder.parent)), identity(str(folder)))
    present: dict[str, list[str]] = {}
    for name in subfolders(str(folder), problems):
        present.setdefault(composed(name), []).append(name)
    unknown = [name for name in present if name not in class_names]
    lacking = [name for name in class_names if name not in present]
    problems += _class_problems(folder, class_names, unknown, lacking)
    paths: list[str] = []
    stamps: list[tuple[int, int]] = []
    labels: list[int] = []
    others: list[str] = []
    for label, name in enumerate(class_names):
        tree = Tree()
        for spelled in present.get(name, ()):
            walk(str(folder / spelled), tree, above)
        problems += tree.problems
        if name in present and not tree.images and not tree.problems:
            problems.append(_empty(folder / present[name][0], tree))
        elif tree.foreign:
            notes += _skipped(folder, name, tree)
            skipped += [path for path, _ in tree.foreign]
        others += tree.others
        paths += tree.images
        stamps += tree.stamps
        labels += [label] * len(tree.images)
    if others:
        kinds = Counter(os.path.splitext(path)[1].lower() or "no extension" for path in others)
        listed = ", ".join(f"{count} {readable(kind)}" for kind, count in kinds.most_common(_SHOWN))
        notes.append(f"files in {readable(folder.name)}/ that are no images: {listed}")
    if loose := loose_images(str(folder)):
        names = _some([readable(name) for name in loose])
        notes.append(
            f"warning: images in {readable(folder.name)}/ outside its class folders are left out: "
            f"{names}"
        )
    return Files(tuple(paths), tuple(stamps), np.asarray(labels, np.int64))


def _class_problems(
    folder: Path, class_names: tuple[str, ...], unknown: list[str], lacking: list[str]
) -> list[Problem]:
    """Return a problem for each folder that is no class, and one for the classes without one."""
    shown = readable(str(folder))
    problems = []
    for name in unknown:
        remedy = nearest(name, class_names) if len(class_names) <= _MANY else ""
        problems.append(Problem("", "every class must also be in train/", name, remedy, shown))
    # a class with another spelling is reported once
    spelled = {name.casefold() for name in unknown}
    missing = [name for name in lacking if name.casefold() not in spelled]
    if missing:
        problems.append(
            Problem(
                "",
                f"must have every class of train/, but lacks {_some(missing)}",
                remedy="move some images of it there from train/, or remove the class",
                file=shown,
            )
        )
    return problems


def _empty(folder: Path, tree: Tree) -> Problem:
    shown = readable(str(folder))
    if tree.foreign:
        kinds = {found: path for path, found in tree.foreign}
        found, path = next(iter(kinds.items()))
        rule = (
            f"must hold at least one image that can be read, but all {len(tree.foreign)} are "
            f"skipped, as {readable(os.path.basename(path))} ({found.what})"
        )
        return Problem("", rule, remedy=found.remedy, file=shown)
    known = ", ".join(
        suffix for suffix in (".jpg", ".png", ".tif", ".webp") if suffix in suffixes()
    )
    remedy = f"add one ({known}, ...) or remove the folder"
    return Problem("", "must hold at least one image", remedy=remedy, file=shown)


def _skipped(folder: Path, name: str, tree: Tree) -> list[str]:
    """Return a line for each kind of image of a class that is not read."""
    total = len(tree.images) + len(tree.foreign)
    lines = []
    for found in dict.fromkeys(found for _, found in tree.foreign):
        names = [os.path.basename(path) for path, each in tree.foreign if each == found]
        listed = _some([readable(each) for each in names])
        part = " (half of the class or more)" if 2 * len(names) >= total else ""
        lines.append(
            f"warning: {len(names)} of {total} files of {readable(folder.name)}/{name} are "
            f"skipped{part}: {listed}: {found.what}; {found.remedy}"
        )
    return lines


def _some(names: list[str] | tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
