"""Packages that only some runtimes need."""

import importlib
from typing import Any

from archsearch.errors import InputError, Problem


def load_extra(package: str, extra: str, runtime: str, key: str = "runtime") -> Any:
    """Import ``package``, which the extra of that name installs.

    Args:
        package: to import.
        extra: that installs it.
        runtime: what needs it.
        key: option or key that asked for it.

    Raises:
        InputError: it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError:
        raise InputError(
            Problem(
                key,
                f"needs the package {package}, which is not installed",
                runtime,
                f"pip install 'archsearch[{extra}]'",
            )
        ) from None
