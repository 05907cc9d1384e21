"""Scale and turn small grey images in whole numbers, so that every machine draws the same bytes."""

import numpy as np
from numpy.typing import NDArray

from archsearch.data.splits import Indices, Pixels

# fixed point: this many parts to a pixel of the source, and to the cosine of an angle
_ONE = 4096
# the same of the weights of bilinear interpolation, whose square times 255 fits 32 bits
_PARTS = 256
#: steps to the half-tangent 1, which turns by 90 degrees
TURN_STEPS = 64
#: steps to a scale of one pixel for each pixel of the source
SCALE_STEPS = 16


def warp(sources: Pixels, side: int, scales: Indices, turns: Indices) -> Pixels:
    """Draw each source scaled and turned about its centre, bilinear, on black.

    Sines and cosines come from half-tangents, and all arithmetic is in integers: libraries of
    mathematics differ in the last bit, which rounding to bytes would show.

    Args:
        sources: (N, H, W).
        side: of the drawn images in pixels.
        scales: (N,), pixels for each pixel of the source, in steps of 1 / `SCALE_STEPS`.
        turns: (N,), tangents of half the angle, in steps of 1 / `TURN_STEPS`.

    Returns:
        (N, side, side).
    """
    count, height, width = sources.shape
    squared = TURN_STEPS * TURN_STEPS
    divisor = (squared + turns * turns) * scales
    cosines = _ONE * SCALE_STEPS * (squared - turns * turns) // divisor
    sines = _ONE * SCALE_STEPS * 2 * TURN_STEPS * turns // divisor
    # twice the distance from the centre, which may lie between two pixels
    places = 2 * np.arange(side, dtype=np.int32) - (side - 1)
    along, across = _products(cosines, places), _products(sines, places)
    # a border of a black pixel on each side lets the edges fade; one more is read, never seen
    bordered = np.pad(sources.astype(np.int32), ((0, 0), (1, 2), (1, 2)))
    i, down = _whole(along[:, :, None] - across[:, None, :], height + 1)
    j, right = _whole(across[:, :, None] + along[:, None, :], width + 1)
    first = np.arange(count, dtype=np.int32) * (height + 3) * (width + 3)
    place = first[:, None, None] + i * (width + 3) + j
    flat = bordered.reshape(-1)
    above = _between(flat.take(place), flat.take(place + 1), right)
    place += width + 3
    below = _between(flat.take(place), flat.take(place + 1), right)
    drawn = _between(above, below, down)
    return ((drawn + _PARTS * _PARTS // 2) // (_PARTS * _PARTS)).astype(np.uint8)


def _products(factors: Indices, places: NDArray[np.int32]) -> NDArray[np.int32]:
    return factors.astype(np.int32)[:, None] * places


def _whole(twice: NDArray[np.int32], most: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the pixel, and how far on to the next in `_PARTS`, of doubled places off a centre."""
    from_edge = ((twice + most * _ONE) // 2).clip(0, most * _ONE) // (_ONE // _PARTS)
    return from_edge // _PARTS, from_edge % _PARTS


def _between(
    first: NDArray[np.int32], second: NDArray[np.int32], share: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Return `_PARTS` times the value at ``share`` of the way from one to the other."""
    return first * (_PARTS - share) + second * share
