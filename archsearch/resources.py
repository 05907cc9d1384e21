"""Find the spaces, studies, recipes and dashboards that ship with archsearch, and its cache.

In a source tree they are folders beside the package; in a wheel they are inside it.
"""

import os
import sys
import tempfile
from pathlib import Path

from archsearch.errors import InputError, Problem, nearest
from archsearch.files import is_file

_PACKAGE = Path(__file__).parent


def resource_dir(kind: str) -> Path:
    """Return the folder of ``kind``: ``spaces``, ``studies``, ``recipes`` or ``dashboards``."""
    inside = _PACKAGE / kind
    return inside if inside.is_dir() else _PACKAGE.parent / kind


def resource_names(kind: str, suffix: str = ".yaml") -> list[str]:
    """Return the names, without suffix, of the shipped files of ``kind``."""
    return sorted(path.stem for path in resource_dir(kind).glob(f"*{suffix}"))


def find_yaml(path_or_name: str | Path, kind: str) -> Path:
    """Return the file that ``path_or_name`` stands for.

    An existing path wins; otherwise the name of a shipped file, with or without its folder and
    suffix (``lightweight``, ``spaces/lightweight.yaml``).

    Raises:
        InputError: there is neither; the remedy offers the nearest shipped names.
    """
    path = Path(path_or_name)
    if is_file(path):
        return path
    shipped = (
        resource_dir(kind) / f"{path.stem if path.suffix in ('.yaml', '.yml') else path.name}.yaml"
    )
    looks_shipped = path.parent.name in ("", kind) and len(path.parts) <= 2
    if looks_shipped and is_file(shipped):
        return shipped
    remedy = nearest(path.stem, resource_names(kind))
    raise InputError(Problem("", "there is no such file", remedy=remedy, file=str(path_or_name)))


def cache_dir() -> Path:
    """Return archsearch's cache folder: ``$ARCHSEARCH_CACHE``, or the user's cache."""
    named = os.environ.get("ARCHSEARCH_CACHE")
    if named:
        return Path(named)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or _home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = _home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or _home() / ".cache")
    return base / "archsearch"


def _home() -> Path:
    """Return the user's folder; users of containers may have none."""
    try:
        return Path.home()
    except RuntimeError:
        return Path(tempfile.gettempdir())
