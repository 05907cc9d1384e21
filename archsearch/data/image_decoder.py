"""One image file to one square array of bytes."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from archsearch.data.color import in_srgb, opaque
from archsearch.data.deep_samples import DEEP_MODES, read_deep
from archsearch.data.file_names import readable
from archsearch.data.image_formats import Foreign, formats, look_inside
from archsearch.data.value_scale import NO_SCALE, Extent, ValueScale, decide_scale
from archsearch.errors import InputError, Problem

_GREY_MODES = ("1", "L", "LA", "La", *DEEP_MODES)
_HEAD_BYTES = 132
# where a JPEG may say which way is up
_ORIENTED = frozenset(("exif", "xmp", "Raw profile type exif"))

# what turns a picture upright that was stored with this EXIF orientation
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode_image(
    path: str, side: int, channels: int, scale: ValueScale = NO_SCALE
) -> NDArray[np.uint8]:
    """Return the image at ``path`` as (channels, side, side).

    It is turned as its EXIF orientation says, laid on white, and brought to sRGB. The shorter
    edge is scaled to ``side`` (bilinear), then the centre is cut out. Colour becomes grey by luma
    (ITU-R 601); grey becomes colour by repetition. Of several frames or pages, the first counts.

    Args:
        path: an image file.
        side: in pixels.
        channels: 1 or 3.
        scale: of values with more than 8 bits; an image of a kind that it does not know is
            scaled by its own values.

    Raises:
        InputError: the file is missing or is no readable image.
    """
    decoded = decode_or_measure(path, side, channels, scale)
    if isinstance(decoded, Extent):
        return decode_image(path, side, channels, decide_scale([decoded]))
    return decoded


def decode_or_measure(
    path: str, side: int, channels: int, scale: ValueScale
) -> NDArray[np.uint8] | Extent:
    """Return the decoded image, or the extent of its values where ``scale`` is undecided.

    Raises:
        InputError: the file is missing or is no readable image.
    """
    with _opened(path) as image:
        return _square(image, path, side, channels, scale)


def measure(path: str, side: int) -> tuple[bool, NDArray[np.uint8] | Extent]:
    """Return whether an image is grey, and the extent of its values.

    The file is read to its end: one that was cut short shows it here.

    Returns:
        whether it is grey; smallest and largest byte of each channel, (3, 1, 2), of the square that
        `decode_image` makes of it, or the extent of its values if it has more than 8 bits.

    Raises:
        InputError: the file is missing or is no readable image.
    """
    with _opened(path) as image:
        is_grey = image.mode in _GREY_MODES
        found = _square(image, path, side, 3, NO_SCALE)
    if isinstance(found, Extent):
        return is_grey, found
    return is_grey, np.stack([found.min(axis=(1, 2)), found.max(axis=(1, 2))], axis=1)[:, None]


def _square(
    image: Image.Image, path: str, side: int, channels: int, scale: ValueScale
) -> NDArray[np.uint8] | Extent:
    """Return the pixels of the image that was opened at ``path``; see `decode_or_measure`."""
    # JPEG decoders scale by 1/2, 1/4, 1/8 almost for free
    image.draft("L" if channels == 1 else "RGB", (side, side))
    profile = image.info.get("icc_profile")
    deep = read_deep(image, path)
    eight = image
    if deep is not None:
        values = deep.nominal or scale.range_for(deep.values)
        if values is None:
            return Extent.of(deep.values)
        eight, profile = deep.eight_bit(values), None
    image.load()
    turn = _TURNS.get(_orientation(image))
    eight = opaque(eight)
    upright = eight if turn is None else eight.transpose(turn)
    pixels = np.asarray(in_srgb(_centre_square(upright, side), profile, channels))
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def is_grey(path: str) -> bool:
    """Say whether the image at ``path`` has a single channel, from its header alone.

    An unreadable image counts as grey and so decides nothing: decoding reports it.
    """
    try:
        with _opened(path) as image:
            return image.mode in _GREY_MODES
    except InputError:
        return True


def upright_size(path: str) -> tuple[int, int]:
    """Return width and height of the image at ``path`` as a person sees it, from its header.

    Raises:
        InputError: the file is missing or is no readable image.
    """
    with _opened(path) as image:
        width, height = image.size
        # orientations from 5 on lie on their side
        return (height, width) if _orientation(image) >= 5 else (width, height)


@contextmanager
def _opened(path: str) -> Iterator[Image.Image]:
    """Open an image; whatever goes wrong with it becomes an `InputError` that names it."""
    try:
        with Image.open(path, formats=formats(os.path.splitext(path)[1].lower())) as image:
            # a small file may hold gigabytes of one colour; Pillow itself warns, and goes on to
            # twice the limit
            pixels, limit = image.width * image.height, Image.MAX_IMAGE_PIXELS
            if limit is not None and pixels > limit:
                raise Image.DecompressionBombError(f"{pixels} pixels")
            yield image
    except Exception as error:
        # damaged files make Pillow's readers raise any error
        raise InputError(unreadable(path, error)) from None


def _orientation(image: Image.Image) -> int:
    if image.format == "JPEG" and not _ORIENTED & image.info.keys():
        return 1
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        # damaged EXIF gives no orientation; the picture can be read without it
        return 1


def unreadable(path: str, error: Exception) -> Problem:
    """Return the problem of an image file that cannot be read."""
    shown = readable(path)
    if isinstance(error, FileNotFoundError):
        return Problem(
            "", "there is no such file", remedy="it was there when the run began", file=shown
        )
    if isinstance(error, PermissionError):
        return Problem("", "may not be read", remedy="make it readable", file=shown)
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        (pixels, *_), limit = re.findall(r"\d+", str(error)), Image.MAX_IMAGE_PIXELS or 0
        rule = f"has too many pixels ({int(pixels):,}, more than {limit:,})"
        return Problem("", rule, remedy="scale it down, or remove it", file=shown)
    reason, remedy = _reason(path, error)
    return Problem("", f"cannot be read as an image ({reason})", remedy=remedy, file=shown)


def _reason(path: str, error: Exception) -> tuple[str, str]:
    remedy = "replace or remove it"
    if not isinstance(error, UnidentifiedImageError):
        # Pillow's message may repeat the path or a memory address; what comes first does not
        reason = str(error).split(":")[0].strip().rstrip(".")
        return reason or type(error).__name__, remedy
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        head = b""
    found = look_inside(head)
    if isinstance(found, Foreign):
        return found.what, found.remedy
    if found is not None:
        return f"{found}, damaged or of a kind that is not read{_why(path, found)}", (
            f"{remedy}, or convert it to PNG"
        )
    return "not an image" if head else "the file is empty", remedy


def _why(path: str, kind: str) -> str:
    """Return the error message of the reader of ``kind``."""
    try:
        with open(path, "rb") as file:
            Image.OPEN[kind][0](file, path)
    except Exception as error:
        # it raised before, with any error
        return f": {error}" if str(error) else ""
    return ""


def _centre_square(image: Image.Image, side: int) -> Image.Image:
    """Scale the shorter edge of ``image`` to ``side`` and cut out the centre."""
    width, height = image.size
    if width == height == side:
        return image
    edge = min(width, height)
    left, top = (width - edge) / 2, (height - edge) / 2
    box = (left, top, left + edge, top + edge)
    return image.resize((side, side), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
