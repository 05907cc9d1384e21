"""The size of images: a number for a square, height and width for any other rectangle."""

import contextlib
import re
from collections.abc import Sequence

from archsearch.errors import InputError, Problem

#: side of a square in pixels, or ``(height, width)`` of a rectangle
ImageSize = int | tuple[int, int]

_SIDES = ("height", "width")
_REMEDY = "write 224 for a square; for height and width [180, 320] in a file, 180x320 as an option"


def sides_of(size: ImageSize | Sequence[int]) -> tuple[int, int]:
    """Return height and width."""
    if isinstance(size, int):
        return size, size
    height, width = size
    return height, width


def size_of(height: int, width: int) -> ImageSize:
    """Return the size in its only form: a square is one number."""
    return height if height == width else (height, width)


def size_text(size: ImageSize | Sequence[int]) -> str:
    """Return ``224`` or ``180x320``, which `read_size` reads back."""
    height, width = sides_of(size)
    return str(height) if height == width else f"{height}x{width}"


def plain_size(size: ImageSize) -> int | list[int]:
    """Return the size as files have it: ``224`` or ``[180, 320]``."""
    return size if isinstance(size, int) else list(size)


def read_size(value: object, key: str = "image_size") -> ImageSize:
    """Read a size: a number, a pair of numbers, or a text such as ``180x320``.

    Args:
        value: from a file, the command line, or Python.
        key: name of the value, for the problem.

    Raises:
        InputError: it is no size.
    """
    numbers = _numbers_in(value)
    if isinstance(numbers, str):
        raise InputError(Problem(key, numbers, value, _remedy(value)))
    names = ("",) if len(numbers) == 1 else tuple(f"{side} " for side in _SIDES)
    small = [name for name, number in zip(names, numbers, strict=True) if number < 1]
    if small:
        rule = f"{' and '.join(name.strip() for name in small)} must be at least 1".strip()
        if len(numbers) == 1:
            raise InputError(Problem(key, rule, numbers[0]))
        raise InputError(Problem(key, rule, value, _REMEDY))
    return numbers[0] if len(numbers) == 1 else size_of(*numbers)


def _numbers_in(value: object) -> list[int] | str:
    """Return one number or two; else the rule that the value breaks."""
    if type(value) is int:
        return [value]
    if isinstance(value, str):
        inner = value.strip()
        is_list = inner.startswith("[") and inner.endswith("]")
        texts = [each.strip() for each in re.split("[x,]", inner[1:-1] if is_list else inner)]
        missing = [side for side, text in zip(_SIDES, texts, strict=False) if not text]
        if len(texts) == 2 and len(missing) == 1:
            return f"has no {missing[0]}"
        if not all(re.fullmatch("-?[0-9]{1,18}", text) for text in texts):
            return "must be a whole number, or height and width as two whole numbers"
        numbers = [int(text) for text in texts]
        if len(numbers) == 1 and not is_list:
            return numbers
    elif isinstance(value, list | tuple):
        if not all(type(each) is int for each in value):
            return "must be a whole number, or height and width as two whole numbers"
        numbers = list(value)
    else:
        return "must be a whole number, or height and width as two whole numbers"
    if len(numbers) != 2:
        return f"must be two numbers, height and width, not {len(numbers)}"
    return numbers


def _remedy(value: object) -> str:
    """Return how to write a whole number such as ``1_000`` or ``1e3``; else both forms."""
    if isinstance(value, str | float):
        with contextlib.suppress(ValueError, OverflowError):
            number = float(value)
            if number.is_integer() and number > 0:
                return f"write {int(number)}"
    return _REMEDY
