"""From values of more than 8 bits to bytes: one scale for a whole data set."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.generic]

# white of 8-, 10-, 12-, 14- and 16-bit images; floats may also end at 1
_WHITES = (255.0, 1023.0, 4095.0, 16383.0, 65535.0)
# a nominal white counts where the values fill more than this share of its range
_FILLED = 0.25


@dataclass(frozen=True)
class ValueRange:
    """The values that become black and white.

    Attributes:
        black: becomes 0.
        white: becomes 255.
    """

    black: float
    white: float

    def bytes_of(self, values: Samples) -> NDArray[np.uint8]:
        """Return ``values`` of any shape as bytes, rounded; what is no number becomes black."""
        if values.dtype.kind == "u" and values.dtype.itemsize == 2:
            # each value once, and no copy in floats of what may be a very large picture
            table = self.bytes_of(np.arange(65536, dtype=np.int32))
            looked_up: NDArray[np.uint8] = table[values]
            return looked_up
        span = (self.white - self.black) or 1.0
        scaled = (values.astype(np.float64) - self.black) * (255.0 / span)
        np.nan_to_num(scaled, copy=False, nan=0.0, posinf=255.0, neginf=0.0)
        rounded: NDArray[np.uint8] = np.rint(scaled.clip(0.0, 255.0)).astype(np.uint8)
        return rounded


@dataclass(frozen=True)
class Extent:
    """The extent of the values of one image.

    Attributes:
        is_float: floating point values, else integers.
        low: smallest finite value.
        high: largest finite value.
        is_whole: every value is a finite number.
    """

    is_float: bool
    low: float
    high: float
    is_whole: bool = True

    @staticmethod
    def of(values: Samples) -> "Extent":
        """Return the extent of ``values``, of any shape."""
        is_float = np.issubdtype(values.dtype, np.floating)
        finite = values[np.isfinite(values)] if is_float else values
        if not finite.size:
            return Extent(is_float, 0.0, 0.0, False)
        low, high = float(finite.min()), float(finite.max())
        return Extent(is_float, low, high, finite.size == values.size)


@dataclass(frozen=True)
class ValueScale:
    """The scale by which images with more than 8 bits a channel are converted to 8 bits.

    Attributes:
        integers: of the images with 16- or 32-bit integers; None where there are none.
        floats: of the images with floating point values; None where there are none.
    """

    integers: ValueRange | None = None
    floats: ValueRange | None = None

    def range_for(self, values: Samples) -> ValueRange | None:
        """Return the range for ``values``, None where none was decided for their kind."""
        return self.floats if np.issubdtype(values.dtype, np.floating) else self.integers

    def to_dict(self) -> dict[str, list[float]]:
        """Return ``[black, white]`` of each kind that the data set holds, as plain data."""
        kinds = {"integers": self.integers, "floats": self.floats}
        return {name: [each.black, each.white] for name, each in kinds.items() if each}

    @staticmethod
    def from_dict(data: dict[str, list[float]]) -> "ValueScale":
        """Return the scale that `to_dict` wrote."""
        return ValueScale(**{name: ValueRange(*ends) for name, ends in data.items()})

    def describe(self) -> str:
        """Return one line for the reader; empty where all images have 8 bits."""
        kinds = {"integer": self.integers, "float": self.floats}
        parts = [
            f"{each.black:g} becomes black and {each.white:g} white in {name} images"
            for name, each in kinds.items()
            if each
        ]
        return f"values beyond 8 bits: {'; '.join(parts)}" if parts else ""


#: of images with 8 bits a channel or less
NO_SCALE = ValueScale()


def decide_scale(extents: Iterable[Extent]) -> ValueScale:
    """Return the scale for all images whose values span ``extents``.

    Black is 0 and white the smallest of 255, 1,023, 4,095, 16,383 and 65,535 (for floats also 1)
    that no value exceeds, where the values fill more than a quarter of that range. Otherwise, and
    where values are negative, black and white are the smallest and the largest value of all.
    """
    known = list(extents)
    return ValueScale(
        _range([each for each in known if not each.is_float], _WHITES),
        _range([each for each in known if each.is_float], (1.0, *_WHITES)),
    )


def _range(extents: list[Extent], whites: tuple[float, ...]) -> ValueRange | None:
    if not extents:
        return None
    low, high = min(each.low for each in extents), max(each.high for each in extents)
    white = next((each for each in whites if high <= each), None)
    if low >= 0 and white is not None and high > _FILLED * white:
        return ValueRange(0.0, white)
    return ValueRange(low, high)
