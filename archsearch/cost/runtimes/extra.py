"""Packages that only some runtimes need."""

import importlib
import importlib.util
import sys
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
    # OpenVINO's tools report their use over the network, from forked processes that keep the
    # probe's
    # pipes open for as long as no network answers; they do without the package
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        return importlib.import_module(package)
    except ImportError:
        raise _missing(package, extra, runtime, key) from None


def check_extra(package: str, extra: str, runtime: str, key: str = "runtime") -> None:
    """Refuse a runtime without its package, and import nothing; arguments as in `load_extra`.

    Raises:
        InputError: it is not installed.
    """
    if importlib.util.find_spec(package) is None:
        raise _missing(package, extra, runtime, key)


def _missing(package: str, extra: str, runtime: str, key: str) -> InputError:
    rule = f"{runtime} needs the package {package}, which is not installed"
    return InputError(Problem(key, rule, remedy=f"pip install 'archsearch[{extra}]'"))
