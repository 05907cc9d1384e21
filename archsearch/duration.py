"""Durations as people write them: ``90s``, ``30m``, ``2h``."""

import math
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from archsearch.errors import InputError, Problem

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_RULE = "must be a duration above 0, a number with s, m, h or d"
_REMEDY = "e.g. 30m"


def seconds_of(text: str, key: str = "--time-limit") -> float:
    """Return ``90s``, ``30m``, ``2h`` or ``1d`` in seconds; a bare number is seconds.

    Raises:
        InputError: it is none of these.
    """
    duration = _seconds(text)
    if not 0 < duration < math.inf:
        raise InputError(Problem(key, _RULE, text, _REMEDY))
    return duration


def _seconds(text: str) -> float:
    unit = _UNITS.get(text[-1:].lower())
    try:
        return float(text[:-1]) * unit if unit else float(text)
    except ValueError:
        return math.nan


def _read(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    duration = _seconds(value)
    if not 0 < duration < math.inf:
        raise PydanticCustomError("duration", _RULE, {"remedy": _REMEDY})
    return duration


#: seconds, in a file or on a command line also ``30m``
Duration = Annotated[float, BeforeValidator(_read), Field(gt=0, allow_inf_nan=False)]
