"""The folders of a data set that train, validate and test, by the usual names."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from archsearch.data.file_names import readable
from archsearch.data.folder_tree import loose_images, subfolders
from archsearch.errors import InputError, Problem

_ROLES = {
    "train": ("train", "training", "trn"),
    "val": ("val", "valid", "validation", "validate", "dev", "development", "eval", "evaluation"),
    "test": ("test", "testing", "tst"),
}
_WORD = re.compile(r"[^\W\d_]+")
# as in trainset
_TAIL = re.compile(r"(set|data|dataset|images?|imgs?|split)$")
_SHOWN = 5
_WANTED = "must have a folder train/ with one folder of images for each class"


@dataclass(frozen=True)
class Layout:
    """Folders of a data set.

    Attributes:
        train: folder of the class folders that train, and from which splits without a folder of
            their own are taken.
        val: likewise, None where there is none.
        test: likewise.
        classes: names of the class folders in ``train`` that count, in order.
        ignored: names of folders beside them that are left out.
    """

    train: Path
    val: Path | None
    test: Path | None
    classes: tuple[str, ...]
    ignored: tuple[str, ...] = ()


def find_layout(folder: Path, problems: list[Problem]) -> Layout:
    """Determine the layout of ``folder``: in splits, or as class folders alone.

    Args:
        folder: of a data set.
        problems: collects what cannot be reached.

    Raises:
        InputError: it cannot be made out.
    """
    names = subfolders(str(folder), problems)
    roles = _roles(folder, names)
    doubled = {role: found for role, found in roles.items() if len(found) > 1}
    if doubled:
        raise InputError(
            [
                Problem(
                    "data",
                    f"must have one folder for {role}",
                    [readable(name) for name in found],
                    "put their images into one, or move the others away",
                    file=readable(str(folder)),
                )
                for role, found in doubled.items()
            ]
        )
    if "train" not in roles:
        if roles or not _is_flat(folder, names):
            raise InputError(_no_train(folder, names, roles))
        if inside := _splits_inside(folder, names):
            raise InputError(inside)
        return Layout(folder, None, None, tuple(names))
    found = {role: folder / roles[role][0] if role in roles else None for role in _ROLES}
    train = found["train"]
    assert train is not None, "its role is known here"
    known = {name for found in roles.values() for name in found}
    return Layout(
        train,
        found["val"],
        found["test"],
        tuple(subfolders(str(train), problems)),
        tuple(name for name in names if name not in known),
    )


def _roles(folder: Path, names: list[str]) -> dict[str, list[str]]:
    """Return the names of the folders for each role that has any.

    A folder of that name without folders in it is a class where others are, or where the name
    has more words: trains are things to tell from buses, and freight trains from the others.
    """
    roles: dict[str, list[str]] = {}
    has_classes = any(_role(name) is None for name in names)
    for name in names:
        role = _role(name)
        if role is None:
            continue
        inside = str(folder / name)
        is_loose = len(re.findall(_WORD, name)) > 1
        if (has_classes or is_loose) and not subfolders(inside) and loose_images(inside):
            continue
        roles.setdefault(role, []).append(name)
    return roles


def _role(name: str) -> str | None:
    """Return the role that a folder's name gives it: ``Valid``, ``test_set``, ``seg_train``."""
    words = re.findall(_WORD, name.casefold())
    known = [role for word in words for role, names in _ROLES.items() if word in names]
    bare = _TAIL.sub("", "".join(words))
    known += [role for role, names in _ROLES.items() if bare in names]
    return known[0] if len(set(known)) == 1 else None


def _is_flat(folder: Path, names: list[str]) -> bool:
    """Say whether two folders or more hold images, themselves or one level below."""
    return sum(_holds_images(folder / name) for name in names) >= 2


def _splits_inside(folder: Path, names: list[str]) -> list[Problem]:
    """Return a problem where the class folders are split, in place of the other way round."""
    for name in names:
        inside = [each for each in subfolders(str(folder / name)) if _role(each) is not None]
        if "train" in map(_role, inside):
            value = readable(f"{name}/{inside[0]}/")
            remedy = f"move it to {readable(f'{inside[0]}/{name}/')}, and the others likewise"
            rule = "must hold the classes in the splits, not the splits in the classes"
            return [Problem("data", rule, value, remedy, readable(str(folder)))]
    return []


def _holds_images(folder: Path) -> bool:
    if loose_images(str(folder)):
        return True
    return any(loose_images(os.path.join(folder, name)) for name in subfolders(str(folder)))


def _no_train(folder: Path, names: list[str], roles: dict[str, list[str]]) -> Problem:
    rule, remedy = _WANTED, "make it"
    known = {name for found in roles.values() for name in found}
    shown = [readable(name) for name in names if name not in known]
    if len(shown) == 1 and not known and _looks_like_data(folder / names[0]):
        remedy = f"give the folder in it: {shown[0]}"
    elif shown:
        listed = ", ".join(f"{name}/" for name in shown[:_SHOWN])
        more = ", ..." if len(shown) > _SHOWN else ""
        remedy = f"move the class folders ({listed}{more}) there"
    elif loose := loose_images(str(folder)):
        remedy = f"sort its {len(loose)} images into folders, one for each class"
    return Problem("data", rule, remedy=remedy, file=readable(str(folder)))


def _looks_like_data(folder: Path) -> bool:
    names = subfolders(str(folder))
    return "train" in _roles(folder, names) or _is_flat(folder, names)
