"""One image file to one array of bytes."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from archsearch.data.array_files import is_array_file, read_array, shape_of_array
from archsearch.data.array_resizing import convert_channels
from archsearch.data.color import in_srgb, opaque
from archsearch.data.deep_samples import DEEP_MODES, read_deep
from archsearch.data.file_names import readable
from archsearch.data.image_formats import Foreign, formats, look_inside
from archsearch.data.value_scale import NO_SCALE, Extent, Samples, ValueScale, decide_scale
from archsearch.errors import InputError, Problem
from archsearch.image_size import ImageSize, sides_of

_GREY_MODES = ("1", "L", "LA", "La", *DEEP_MODES)
_HEAD_BYTES = 132
# where a JPEG may say which way is up
_ORIENTED = frozenset(("exif", "xmp", "Raw profile type exif"))

# orientations of pictures that lie on their side
_LYING = range(5, 9)
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
    path: str, size: ImageSize, channels: int, scale: ValueScale = NO_SCALE
) -> NDArray[np.uint8]:
    """Return the image at ``path`` as (channels, height, width).

    It is turned as its EXIF orientation says, laid on white, and brought to sRGB. The largest
    centred part of the shape of ``size`` is cut out and scaled to it (bilinear). Colour becomes
    grey by luma (ITU-R 601); grey becomes colour by repetition. Of several frames or pages, the
    first counts. With neither 1 nor 3 channels, the channels are those of the file as they are:
    opacity is the last one of four, and no colour is changed.

    Args:
        path: an image file, or a ``.npy`` file of (H, W, C).
        size: of the result.
        channels: 1 for grey, 3 for colour, or as many as the file has.
        scale: of values with more than 8 bits; an image of a kind that it does not know is
            scaled by its own values.

    Raises:
        InputError: the file is missing or is no readable image.
    """
    decoded = decode_or_measure(path, size, channels, scale)
    if isinstance(decoded, Extent):
        return decode_image(path, size, channels, decide_scale([decoded]))
    return decoded


def decode_or_measure(
    path: str, size: ImageSize, channels: int, scale: ValueScale
) -> NDArray[np.uint8] | Extent:
    """Return the decoded image, or the extent of its values where ``scale`` is undecided.

    Raises:
        InputError: the file is missing or is no readable image, or has other channels.
    """
    if is_array_file(path):
        with _explained(path):
            return _from_array(read_array(path), size, channels, scale)
    with _opened(path) as image:
        return _pixels(image, path, size, channels, scale)


def measure(
    path: str, size: ImageSize, channels: int = 3
) -> tuple[bool, NDArray[np.uint8] | Extent]:
    """Return whether an image is grey, and the extent of its values.

    The file is read to its end: one that was cut short shows it here.

    Returns:
        whether it is grey; smallest and largest byte of each channel, (C, 1, 2), of what
        `decode_image` makes of it, or the extent of its values if it has more than 8 bits.

    Raises:
        InputError: the file is missing or is no readable image.
    """
    is_grey = channels_of(path) == 1
    found = decode_or_measure(path, size, channels, NO_SCALE)
    if isinstance(found, Extent):
        return is_grey, found
    return is_grey, np.stack([found.min(axis=(1, 2)), found.max(axis=(1, 2))], axis=1)[:, None]


def _pixels(
    image: Image.Image, path: str, size: ImageSize, channels: int, scale: ValueScale
) -> NDArray[np.uint8] | Extent:
    """Return the pixels of the image that was opened at ``path``; see `decode_or_measure`."""
    # JPEG decoders scale by 1/2, 1/4, 1/8 almost for free
    lies = image.format in ("JPEG", "MPO") and _orientation(image) in _LYING
    height, width = reversed(sides_of(size)) if lies else sides_of(size)
    image.draft("L" if channels == 1 else "RGB", (width, height))
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
    if channels not in (1, 3):
        upright = eight if turn is None else eight.transpose(turn)
        return _as_stored(upright, size, channels)
    eight = opaque(eight)
    upright = eight if turn is None else eight.transpose(turn)
    pixels = np.asarray(in_srgb(_centre_cut(upright, size), profile, channels))
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _as_stored(image: Image.Image, size: ImageSize, channels: int) -> NDArray[np.uint8]:
    """Return the channels of a file, each by itself: opacity weighs nothing."""
    if image.mode in ("P", "PA") or (image.mode == "RGB" and image.has_transparency_data):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    bands = image.split()
    if len(bands) != channels or any(band.mode != "L" for band in bands):
        raise _ChannelError(len(bands), channels)
    return np.stack([np.asarray(_centre_cut(band, size)) for band in bands])


def _from_array(
    values: Samples, size: ImageSize, channels: int, scale: ValueScale
) -> NDArray[np.uint8] | Extent:
    """Return the pixels of an array (H, W, C), or the extent of its values."""
    own = values.shape[2]
    if own != channels and {own, channels} != {1, 3}:
        raise _ChannelError(own, channels)
    if values.dtype == np.uint8:
        eight: NDArray[np.uint8] = values.astype(np.uint8, copy=False)
    else:
        known = scale.range_for(values)
        if known is None:
            return Extent.of(values)
        eight = known.bytes_of(values)
    bands = (np.ascontiguousarray(eight[..., band]) for band in range(own))
    cut = np.stack([np.asarray(_centre_cut(Image.fromarray(band), size)) for band in bands])
    pixels: NDArray[np.uint8] = convert_channels(cut[None], channels)[0]
    return pixels


class _ChannelError(Exception):
    """A file has another number of channels than the data set."""

    def __init__(self, own: int, wanted: int) -> None:
        self.own, self.wanted = own, wanted


def channels_of(path: str) -> int:
    """Return 1 if the image at ``path`` is grey, else 3; of an array, its channels.

    Only the header is read. An unreadable image counts as grey and so decides nothing: decoding
    reports it.
    """
    try:
        if is_array_file(path):
            with _explained(path):
                return shape_of_array(path)[2]
        with _opened(path) as image:
            return 1 if image.mode in _GREY_MODES else 3
    except InputError:
        return 1


def upright_size(path: str) -> tuple[int, int]:
    """Return width and height of the image at ``path`` as a person sees it, from its header.

    Raises:
        InputError: the file is missing or is no readable image.
    """
    if is_array_file(path):
        with _explained(path):
            height, width, _ = shape_of_array(path)
            return width, height
    with _opened(path) as image:
        width, height = image.size
        return (height, width) if _orientation(image) in _LYING else (width, height)


@contextmanager
def _opened(path: str) -> Iterator[Image.Image]:
    """Open an image; whatever goes wrong with it becomes an `InputError` that names it."""
    with (
        _explained(path),
        Image.open(path, formats=formats(os.path.splitext(path)[1].lower())) as image,
    ):
        # a small file may hold gigabytes of one colour; Pillow itself warns, and goes on to twice
        # the limit
        pixels, limit = image.width * image.height, Image.MAX_IMAGE_PIXELS
        if limit is not None and pixels > limit:
            raise Image.DecompressionBombError(f"{pixels} pixels")
        yield image


@contextmanager
def _explained(path: str) -> Iterator[None]:
    """Turn every error of reading a file into an `InputError` that names it."""
    try:
        yield
    except InputError:
        raise
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
    if isinstance(error, _ChannelError):
        channels = "channel" if error.wanted == 1 else "channels"
        rule = f"must have {error.wanted} {channels} like the data set, but has {error.own}"
        remedy = "replace or remove it, or set the number of all images with --channels"
        return Problem("", rule, remedy=remedy, file=shown)
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


def _centre_cut(image: Image.Image, size: ImageSize) -> Image.Image:
    """Cut out the largest centred part of the shape of ``size``, and scale it to that size."""
    width, height = image.size
    high, wide = sides_of(size)
    if (width, height) == (wide, high):
        return image
    # in whole numbers, so that a picture of the same shape is cut nowhere
    is_wider = width * high >= height * wide
    across = height * wide / high if is_wider else width
    down = height if is_wider else width * high / wide
    left, top = (width - across) / 2, (height - down) / 2
    box = (left, top, left + across, top + down)
    return image.resize((wide, high), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
