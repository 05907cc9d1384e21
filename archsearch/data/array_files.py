"""Images with any number of channels, as NumPy writes them: ``.npy`` files of (H, W, C)."""

import numpy as np
from numpy.typing import NDArray

from archsearch.data.value_scale import Samples

SUFFIX = ".npy"
#: more is not the number of channels of a camera
_MAX_CHANNELS = 512


def is_array_file(path: str) -> bool:
    """Say whether ``path`` names an array, by its extension."""
    return path.lower().endswith(SUFFIX)


def read_array(path: str) -> Samples:
    """Return the image (H, W, C) at ``path``; 8-bit values and those that need a scale alike.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds no image.
    """
    values: NDArray[np.generic] = _opened(path)
    if values.dtype == np.bool_:
        values = values.astype(np.uint8) * np.uint8(255)
    return np.asarray(values).reshape(*values.shape[:2], -1)


def shape_of_array(path: str) -> tuple[int, int, int]:
    """Return height, width and channels of the image at ``path``, from its header.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds no image.
    """
    height, width, *channels = _opened(path).shape
    return height, width, channels[0] if channels else 1


def _opened(path: str) -> NDArray[np.generic]:
    """Map an array into memory, and check that it is an image."""
    try:
        values: NDArray[np.generic] = np.lib.format.open_memmap(path, mode="r")
    except (EOFError, ValueError):
        raise ValueError("no array, or a damaged one") from None
    if values.dtype.kind not in "buif":
        raise ValueError("an array of numbers is needed")
    shape = values.shape
    shown = " x ".join(map(str, shape))
    if len(shape) not in (2, 3) or not values.size:
        raise ValueError(f"an image is an array of H x W or H x W x C, this one has {shown or '1'}")
    if len(shape) == 3 and (shape[2] > _MAX_CHANNELS or shape[0] < min(5, shape[2])):
        raise ValueError(f"channels are the last axis, this array has {shown}")
    return values
