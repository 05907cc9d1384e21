"""One image file to one square array of bytes."""

import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archsearch.errors import InputError, Problem

_WIDE_GREY = ("I", "I;16", "I;16B", "I;16L")
_UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    Image.DecompressionBombError,
)


def decode_image(path: str, side: int, channels: int) -> NDArray[np.uint8]:
    """Return the image at ``path`` as (channels, side, side).

    The shorter edge is scaled to ``side`` (bilinear), then the centre is cut out. Colour becomes
    grey by luma (ITU-R 601); grey becomes colour by repetition.

    Raises:
        InputError: the file is missing or is no readable image.
    """
    try:
        with Image.open(path) as image:
            # JPEG decoders scale by 1/2, 1/4, 1/8 almost for free
            image.draft("L" if channels == 1 else "RGB", (side, side))
            square = _centre_square(_eight_bit(image, channels), side)
            pixels = np.asarray(square)
    except _UNREADABLE as error:
        raise InputError(unreadable(path, error)) from None
    if channels == 1:
        return pixels[None]
    return pixels.transpose(2, 0, 1)


def is_grey(path: str) -> bool:
    """Say whether the image at ``path`` has a single channel, from its header alone.

    An unreadable image says yes, and leaves the decision to the others: decoding reports it.
    """
    try:
        with Image.open(path) as image:
            return image.mode in ("1", "L", *_WIDE_GREY)
    except _UNREADABLE:
        return True


def unreadable(path: str, error: BaseException) -> Problem:
    """Return the problem of an image file that cannot be read."""
    if isinstance(error, FileNotFoundError):
        return Problem("", "file not found", remedy="it was there when the run began", file=path)
    # Pillow's message repeats the path or a memory address; its class and errno do not
    reason = "not an image" if "cannot identify" in str(error) else str(error).split(":")[0]
    return Problem(
        "", f"cannot be read as an image ({reason})", remedy="replace or remove it", file=path
    )


def _eight_bit(image: Image.Image, channels: int) -> Image.Image:
    """Return ``image`` with 8 bits a channel, in mode L or RGB."""
    if image.mode in _WIDE_GREY:
        values = np.asarray(image).astype(np.int64)
        # 16-bit files keep their high byte; 32-bit ones that hold 8-bit values keep those
        if values.max(initial=0) > 255:
            values = values >> 8
        image = Image.fromarray(values.clip(0, 255).astype(np.uint8))
    elif image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    mode = "L" if channels == 1 else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _centre_square(image: Image.Image, side: int) -> Image.Image:
    """Scale the shorter edge of ``image`` to ``side`` and cut out the centre."""
    width, height = image.size
    if width == height == side:
        return image
    edge = min(width, height)
    left, top = (width - edge) / 2, (height - edge) / 2
    box = (left, top, left + edge, top + edge)
    return image.resize((side, side), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
