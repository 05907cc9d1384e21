"""The papers' models as architecture files."""

from functools import cache
from pathlib import Path
from typing import Any

from archsearch.arch import Arch, load_arch
from archsearch.errors import InputError, Problem, nearest
from archsearch.image_size import read_size
from archsearch.zoo.family_sizes import families, family_size, sizes
from archsearch.zoo.overrides import with_overrides

_FOLDER = Path(__file__).parent / "archs"


def names() -> list[str]:
    """Return the names of all models of the zoo."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def arch(name: str, **overrides: Any) -> Arch:
    """Return the architecture of a model, with values changed as in `with_overrides`.

    Args:
        name: of the model, such as ``lightvit_tiny``, or of a size of its family, such as
            ``lightvit/3`` (see `sizes`). On images whose shorter side is below 160 px, a size has
            a stem and windows that suit them.
        overrides: name of a field to its value, such as ``window_size=7`` or
            ``gate__reduction=4``.

    Raises:
        InputError: there is no such model, or the changed architecture breaks a rule.

    Examples:
        >>> from archsearch import zoo
        >>> zoo.arch("edgevit_xxs", image_size=64, num_classes=10).num_classes
        10
    """
    family, is_size, _ = name.partition("/")
    if is_size and family in families():
        size = family_size(name)
        base = _load(size.model)
        image_size = read_size(overrides.get("image_size", base.image_size))
        return with_overrides(base, {**size.overrides_at(image_size), **overrides})
    known = names()
    if name not in known:
        remedy = nearest(name, known)
        if family in families():
            remedy = f"{remedy}, or a size of it: {sizes(family)[0]} to {sizes(family)[-1]}"
        raise InputError(Problem("", f"the zoo has no model '{name}'", None, remedy))
    return with_overrides(_load(name), overrides)


@cache
def _load(name: str) -> Arch:
    return load_arch(_FOLDER / f"{name}.yaml")
