"""Images with more than 8 bits a channel, before they are scaled to bytes."""

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from archsearch.data.value_scale import Samples, ValueRange

#: modes of one channel with more than 8 bits
DEEP_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")

_SIXTEEN_BITS = ValueRange(0.0, 65535.0)
_OTHER_END = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
# tags of TIFF, and values of theirs
_BITS, _PHOTOMETRIC, _PLANES, _SAMPLE_FORMAT = 258, 262, 284, 339
_SIGNED, _WHITE_IS_ZERO, _SEPARATE = 2, 0, 2


@dataclass(frozen=True, eq=False)
class Deep:
    """An image as it is stored.

    Attributes:
        values: (H, W) for grey, (H, W, 3) for colour; integers or floats.
        alpha: opacity (H, W), None where the image is opaque.
        is_negative: the smallest value is white.
        nominal: what black and white are, where the file says so.
    """

    values: Samples
    alpha: NDArray[np.uint8] | None = None
    is_negative: bool = False
    nominal: ValueRange | None = None

    def eight_bit(self, values: ValueRange) -> Image.Image:
        """Return the image in mode L, LA, RGB or RGBA, with ``values`` as black and white."""
        scaled = values.bytes_of(self.values)
        if self.is_negative:
            scaled = 255 - scaled
        image = Image.fromarray(scaled)
        if self.alpha is not None:
            image.putalpha(Image.fromarray(self.alpha))
        return image


def read_deep(image: Image.Image, path: str) -> Deep | None:
    """Read the image at ``path``, which is open and not loaded; afterwards it is loaded.

    None, and nothing is loaded, where the image has 8 bits a channel or less.

    Raises:
        ValueError: Pillow would read it wrongly.
    """
    if image.mode in DEEP_MODES:
        return _grey(image)
    if isinstance(image, TiffImageFile):
        if image.mode == "L" and _is_signed(image, 8):
            return Deep(np.asarray(image).view(np.int8))
        if _bits(image) > 8 and image.tag_v2.get(_PLANES) == _SEPARATE:
            raise ValueError("16-bit colour in separate planes")
    if image.format == "PPM" and _white_of_ppm(image) == 65535:
        return _colour(image, path, "RGB;16B", "RGB;16L")
    raw = _raw_mode(image)
    if image.format == "PNG" and raw == "LA;16B":
        # four bytes a pixel: both halves of the grey value, then both of its opacity
        _set_raw_mode(image, "RGBA")
        halves = np.asarray(image).astype(np.uint16)
        grey, alpha = (halves[..., i] << 8 | halves[..., i + 1] for i in (0, 2))
        return Deep(grey, _SIXTEEN_BITS.bytes_of(alpha))
    kind, _, end = raw.partition(";16")
    if kind in ("RGB", "RGBX", "RGBA") and end in _OTHER_END:
        return _colour(image, path, raw, f"{kind};16{_OTHER_END[end]}")
    return None


def _grey(image: Image.Image) -> Deep:
    nominal = _declared(image)
    image.load()
    values: Samples = np.asarray(image)
    is_negative = False
    if isinstance(image, TiffImageFile):
        is_negative = image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
        if image.mode == "I" and _bits(image) == 32 and not _is_signed(image, 32):
            # Pillow reads 32 bits without a sign as if they had one
            values = values.view(np.uint32)
    alpha = None
    key = image.info.get("transparency")
    if isinstance(key, int):
        alpha = np.where(values == key, 0, 255).astype(np.uint8)
    return Deep(values, alpha, is_negative, nominal)


def _colour(image: Image.Image, path: str, own_end: str, other_end: str) -> Deep:
    """Read 16-bit colour, of which Pillow keeps the high bytes.

    Read as a file of the other byte order, it gives the low bytes.
    """
    _set_raw_mode(image, own_end)
    high = np.asarray(image).astype(np.uint16)
    with Image.open(path, formats=(str(image.format),)) as again:
        _set_raw_mode(again, other_end)
        values = high << 8 | np.asarray(again)
    colour, key = values[..., :3], image.info.get("transparency")
    if values.shape[2] == 4:
        return Deep(colour, _SIXTEEN_BITS.bytes_of(values[..., 3]))
    if isinstance(key, tuple):
        return Deep(colour, np.where((colour == key).all(axis=2), 0, 255).astype(np.uint8))
    return Deep(colour)


def _raw_mode(image: Image.Image) -> str:
    """Return how the file lays out its pixels, in Pillow's words; empty where it does not say."""
    tiles = getattr(image, "tile", None)
    args = tiles[0].args if tiles else None
    raw = args[0] if isinstance(args, tuple) and args else args
    return raw if isinstance(raw, str) else ""


def _set_raw_mode(image: Image.Image, raw: str) -> None:
    """Make Pillow read the pixels as if the file laid them out as ``raw`` says."""
    assert isinstance(image, ImageFile)
    image.tile = [
        tile._replace(codec_name="raw", args=raw)
        if tile.codec_name == "ppm"
        else tile._replace(args=(raw, *tile.args[1:]) if isinstance(tile.args, tuple) else raw)
        for tile in image.tile
    ]


def _declared(image: Image.Image) -> ValueRange | None:
    """Return the range of a PGM whose header says what white is; Pillow scales it to 16 bits.

    A header that says 65,535 says no more than that there are 16 bits.
    """
    white = _white_of_ppm(image) if image.format == "PPM" and image.mode == "I" else None
    return None if white in (None, 65535) else _SIXTEEN_BITS


def _white_of_ppm(image: Image.Image) -> int | None:
    """Return the largest value that the header of a PGM or PPM allows, None where 255."""
    assert isinstance(image, ImageFile)
    tile = image.tile[0]
    if not tile.codec_name.startswith("ppm") or not isinstance(tile.args, tuple):
        return None
    return int(tile.args[1]) if len(tile.args) > 1 else None


def _is_signed(image: TiffImageFile, bits: int) -> bool:
    sample = image.tag_v2.get(_SAMPLE_FORMAT, (1,))
    first = sample[0] if isinstance(sample, tuple) else sample
    return first == _SIGNED and _bits(image) == bits


def _bits(image: TiffImageFile) -> int:
    bits = image.tag_v2.get(_BITS, (1,))
    return int(bits[0] if isinstance(bits, tuple) else bits)
