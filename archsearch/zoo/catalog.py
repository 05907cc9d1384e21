"""The papers' models as architecture files."""

from functools import cache
from pathlib import Path
from typing import Any

from archsearch.arch import Arch, load_arch
from archsearch.errors import InputError, Problem, nearest
from archsearch.zoo.overrides import with_overrides

_FOLDER = Path(__file__).parent / "archs"


def names() -> list[str]:
    """Return the names of all models of the zoo."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def arch(name: str, **overrides: Any) -> Arch:
    """Return the architecture of a model, with values changed as in `with_overrides`.

    Args:
        name: of the model, such as ``lightvit_tiny``.
        overrides: name of a field to its value, such as ``window_size=7`` or
            ``gate__reduction=4``.

    Raises:
        InputError: there is no such model, or the changed architecture breaks a rule.

    Examples:
        >>> from archsearch import zoo
        >>> zoo.arch("edgevit_xxs", image_size=64, num_classes=10).num_classes
        10
    """
    known = names()
    if name not in known:
        raise InputError(Problem("", f"the zoo has no model '{name}'", None, nearest(name, known)))
    return with_overrides(_load(name), overrides)


@cache
def _load(name: str) -> Arch:
    return load_arch(_FOLDER / f"{name}.yaml")
