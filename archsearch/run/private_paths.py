"""Removes private paths from a configuration, for pages, figures and cards that people share."""

import re
from collections.abc import Mapping
from typing import Any

from archsearch.data.label import last_part

#: a path from a root, after an optional kind such as ``folder:``
_ABSOLUTE = re.compile(r"(?P<kind>[\w-]{2,}:)?(?:~|[A-Za-z]:)?[\\/].*", re.S)
#: keys that say where things are on one machine
_PRIVATE = ("storage", "study", "data_root")


def shareable(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's configuration without the paths of its author's machine.

    Of an absolute path the last part stays; where the study is, and the root of data sets, goes.
    """
    return {key: _shared(value) for key, value in config.items() if key not in _PRIVATE}


def _shared(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _shared(each) for key, each in value.items() if key not in _PRIVATE}
    if isinstance(value, list | tuple):
        return [_shared(each) for each in value]
    if isinstance(value, str) and (found := _ABSOLUTE.fullmatch(value)):
        return (found["kind"] or "") + last_part(value)
    return value
