"""Every kind of image file that Pillow writes, against the array that was written."""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from archsearch.data.image_decoder import decode_image
from tests.data.image_files import png, profile_of_swapped_primaries, tiff

SIDE = 16
RNG = np.random.default_rng(7)
# blocks of 4 x 4, so that what compresses with loss keeps them nearly
COLOUR = np.kron(RNG.integers(30, 226, (4, 4, 3)), np.ones((4, 4, 1))).astype(np.uint8)
GREY = np.kron(RNG.integers(0, 256, (4, 4)), np.ones((4, 4))).astype(np.uint8)
GREY[0, :2] = 0, 255
BITS = GREY > 127
ALPHA = np.kron(RNG.integers(0, 256, (4, 4)), np.ones((4, 4))).astype(np.uint8)
SIXTEEN = (GREY.astype(np.uint16) << 8) + RNG.integers(0, 256, GREY.shape).astype(np.uint16)
TWELVE = SIXTEEN >> 4
TWELVE[0, 0] = 4095
UNIT = (SIXTEEN / 65535).astype(np.float32)
SIXTEEN_COLOUR = (COLOUR.astype(np.uint16) << 8) + 91
TWELVE_COLOUR = SIXTEEN_COLOUR >> 4


@dataclass(frozen=True)
class Kind:
    """A file and what a person sees in it.

    Attributes:
        name: of the file.
        content: its bytes.
        seen: (H, W) or (H, W, 3), 0 to 255.
        tolerance: largest difference.
    """

    name: str
    content: bytes
    seen: np.ndarray
    tolerance: float = 0.0


def save(image: Image.Image, kind: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def on_white(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    share = alpha / 255 if pixels.ndim == 2 else alpha[..., None] / 255
    return pixels * share + 255 * (1 - share)


def scaled(values: np.ndarray, black: float, white: float) -> np.ndarray:
    return np.round((values.astype(np.float64) - black) / (white - black) * 255)


def palette_image(transparency: bytes | None = None) -> tuple[bytes, np.ndarray]:
    indices = np.kron(np.arange(16).reshape(4, 4), np.ones((4, 4))).astype(np.uint8)
    table = RNG.integers(0, 256, (16, 3)).astype(np.uint8)
    image = Image.fromarray(indices)
    image.putpalette(table.tobytes())
    options = {} if transparency is None else {"transparency": transparency}
    seen = table[indices]
    if transparency is not None:
        alphas = np.frombuffer(transparency.ljust(16, b"\xff"), np.uint8)
        seen = on_white(seen, alphas[indices])
    return save(image, "PNG", **options), seen


def cmyk_to_rgb(ink: np.ndarray) -> np.ndarray:
    ink = ink.astype(np.float64)
    return (255 - ink[..., :3]) * (255 - ink[..., 3:]) / 255


def lab_to_srgb(lab: np.ndarray) -> np.ndarray:
    """CIE L*a*b* (D50), Bradford to D65, sRGB."""
    light, a, b = lab[..., 0] * 100 / 255, lab[..., 1], lab[..., 2]
    fy = (light + 16) / 116
    f = np.stack([fy + a / 500, fy, fy - b / 200], -1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * [0.9642, 1.0, 0.8249]
    to_rgb = np.array(
        [
            [3.1338561, -1.6168667, -0.4906146],
            [-0.9787684, 1.9161415, 0.0334540],
            [0.0719453, -0.2289914, 1.4052427],
        ]
    )
    linear = (xyz @ to_rgb.T).clip(0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def plain_kinds() -> list[Kind]:
    colour, grey, bits = Image.fromarray(COLOUR), Image.fromarray(GREY), Image.fromarray(BITS)
    black_and_white = BITS * 255
    kinds = [
        Kind(f"colour.{suffix}", save(colour, kind), COLOUR)
        for suffix, kind in [
            *(("png", "PNG"), ("bmp", "BMP"), ("ppm", "PPM"), ("tif", "TIFF"), ("dib", "DIB")),
            *(("tga", "TGA"), ("sgi", "SGI"), ("pcx", "PCX"), ("jp2", "JPEG2000"), ("im", "IM")),
            *(("TIFF", "TIFF"), ("PnG", "PNG"), ("apng", "PNG"), ("pnm", "PPM"), ("rgb", "SGI")),
            *(("qoi", "QOI"), ("j2k", "JPEG2000"), ("dds", "DDS")),
        ]
        if kind in Image.SAVE
    ]
    kinds += [
        Kind(f"grey.{suffix}", save(grey, kind), GREY)
        for suffix, kind in [
            *(("png", "PNG"), ("bmp", "BMP"), ("pgm", "PPM"), ("tif", "TIFF"), ("gif", "GIF")),
            *(("tga", "TGA"), ("bw", "SGI"), ("pcx", "PCX"), ("jp2", "JPEG2000")),
        ]
    ]
    kinds += [
        Kind(f"bits.{suffix}", save(bits, kind), black_and_white)
        for suffix, kind in [
            *(("png", "PNG"), ("bmp", "BMP"), ("pbm", "PPM"), ("tif", "TIFF"), ("tga", "TGA")),
            *(("pcx", "PCX"), ("msp", "MSP"), ("xbm", "XBM")),
        ]
    ]
    kinds += [
        Kind(f"lossy.{suffix}", save(colour, "JPEG", quality=98, subsampling=0), COLOUR, 6)
        for suffix in ("jpg", "JPG", "jpeg", "jfif", "jpe", "mpo", "jif", "JPG_large", "")
    ]
    kinds += [
        Kind("grey.jpg", save(grey, "JPEG", quality=98), GREY, 6),
        Kind("lossy.webp", save(grey.convert("RGB"), "WEBP", quality=98), GREY, 12),
        Kind("exact.webp", save(colour, "WEBP", lossless=True), COLOUR),
        Kind("colour.ico", save(colour, "ICO", sizes=[(16, 16)]), COLOUR),
        Kind(
            "progressive.jpg",
            save(colour, "JPEG", quality=98, subsampling=0, progressive=True),
            COLOUR,
            6,
        ),
        Kind("lzw.tif", save(colour, "TIFF", compression="tiff_lzw"), COLOUR),
        Kind("deflate.tif", save(grey, "TIFF", compression="tiff_adobe_deflate"), GREY),
        Kind("packbits.tif", save(colour, "TIFF", compression="packbits"), COLOUR),
        Kind("group4.tif", save(bits, "TIFF", compression="group4"), black_and_white),
        Kind("big.tif", save(colour, "TIFF", big_tiff=True), COLOUR),
        Kind("planes.tif", tiff(COLOUR, 2, planar=True), COLOUR),
        Kind("bottom_up.tga", save(colour, "TGA", orientation=1, compression="tga_rle"), COLOUR),
        Kind("inverted.tif", tiff(255 - GREY, 0), GREY),
    ]
    if "AVIF" in Image.SAVE:
        exact = save(colour, "AVIF", quality=100, subsampling="4:4:4")
        kinds.append(Kind("colour.avif", exact, COLOUR, 3))
    return kinds


def depth_kinds() -> list[Kind]:
    """Grey and colour of 1 to 32 bits."""
    kinds = [
        Kind(
            f"{bits}_bit.png", png(GREY >> (8 - bits), bits, 0), scaled(GREY >> (8 - bits), 0, top)
        )
        for bits, top in ((1, 1), (2, 3), (4, 15))
    ]
    signed = SIXTEEN.astype(np.int32) - 20000
    small = (GREY.astype(np.int16) - 100).clip(-128, 127).astype(np.int8)
    wide = SIXTEEN.astype(np.uint32) * 65537
    packed = np.packbits(
        np.unpackbits(TWELVE.astype(">u2").view(np.uint8).reshape(SIDE, SIDE, 2), axis=2)[..., 4:]
    ).tobytes()
    kinds += [
        Kind("16.png", save(Image.fromarray(SIXTEEN), "PNG"), scaled(SIXTEEN, 0, 65535)),
        Kind("16.tif", save(Image.fromarray(SIXTEEN), "TIFF"), scaled(SIXTEEN, 0, 65535)),
        Kind("16.pgm", save(Image.fromarray(SIXTEEN), "PPM"), scaled(SIXTEEN, 0, 65535)),
        Kind("16_big_endian.tif", tiff(SIXTEEN, 1, order=">"), scaled(SIXTEEN, 0, 65535)),
        Kind("16_deflate.tif", tiff(SIXTEEN, 1, deflate=True), scaled(SIXTEEN, 0, 65535)),
        Kind("16_inverted.tif", tiff(65535 - SIXTEEN, 0), scaled(SIXTEEN, 0, 65535), 1),
        Kind("16_colour.png", png(SIXTEEN_COLOUR, 16, 2), scaled(SIXTEEN_COLOUR, 0, 65535)),
        Kind("16_colour.tif", tiff(SIXTEEN_COLOUR, 2), scaled(SIXTEEN_COLOUR, 0, 65535)),
        Kind(
            "16_colour.ppm",
            b"P6 16 16 65535\n" + SIXTEEN_COLOUR.astype(">u2").tobytes(),
            scaled(SIXTEEN_COLOUR, 0, 65535),
        ),
        Kind("12.png", save(Image.fromarray(TWELVE), "PNG"), scaled(TWELVE, 0, 4095)),
        Kind("12.tif", save(Image.fromarray(TWELVE), "TIFF"), scaled(TWELVE, 0, 4095)),
        Kind("12_packed.tif", tiff(TWELVE, 1, bits=12, data=packed), scaled(TWELVE, 0, 4095)),
        Kind(
            "12_declared.pgm",
            b"P5 16 16 4095\n" + (TWELVE // 8).astype(">u2").tobytes(),
            scaled(TWELVE // 8, 0, 4095),
            1,
        ),
        Kind("12_colour.png", png(TWELVE_COLOUR, 16, 2), scaled(TWELVE_COLOUR, 0, 4095)),
        Kind("12_colour.tif", tiff(TWELVE_COLOUR, 2), scaled(TWELVE_COLOUR, 0, 4095)),
        Kind(
            "12_colour_big_endian.tif",
            tiff(TWELVE_COLOUR, 2, order=">"),
            scaled(TWELVE_COLOUR, 0, 4095),
        ),
        Kind(
            "12_colour_deflate.tif",
            tiff(TWELVE_COLOUR, 2, deflate=True),
            scaled(TWELVE_COLOUR, 0, 4095),
        ),
        Kind("10.png", save(Image.fromarray(SIXTEEN >> 6), "PNG"), scaled(SIXTEEN >> 6, 0, 1023)),
        Kind("8_in_16.png", save(Image.fromarray(SIXTEEN >> 8), "PNG"), GREY),
        Kind("8_in_32.tif", save(Image.fromarray(GREY.astype(np.int32)), "TIFF"), GREY),
        Kind("few_in_16.png", save(Image.fromarray(SIXTEEN >> 12), "PNG"), 17 * (GREY >> 4)),
        Kind("signed_16.tif", tiff(signed.astype(np.int16), 1), scaled(signed, *ends(signed)))
        if signed.max() < 32768
        else Kind(
            "signed_16.tif",
            tiff((signed // 2).astype(np.int16), 1),
            scaled(signed // 2, *ends(signed // 2)),
        ),
        Kind("signed_32.tif", save(Image.fromarray(signed), "TIFF"), scaled(signed, *ends(signed))),
        Kind("signed_8.tif", tiff(small, 1), scaled(small, *ends(small))),
        Kind("unsigned_32.tif", tiff(wide, 1), scaled(wide, *ends(wide)), 1),
        Kind("unit.tif", save(Image.fromarray(UNIT), "TIFF"), scaled(UNIT, 0, 1)),
        Kind("unit_deflate.tif", tiff(UNIT, 1, deflate=True), scaled(UNIT, 0, 1)),
        Kind("unit_big_endian.tif", tiff(UNIT, 1, order=">"), scaled(UNIT, 0, 1)),
        Kind("unit.pfm", save(Image.fromarray(UNIT), "PPM"), scaled(UNIT, 0, 1)),
        Kind("byte_range.tif", save(Image.fromarray(GREY.astype(np.float32)), "TIFF"), GREY),
        Kind("word_range.tif", tiff(SIXTEEN.astype(np.float32), 1), scaled(SIXTEEN, 0, 65535)),
        Kind("centred.tif", tiff(2 * UNIT - 1, 1), scaled(2 * UNIT - 1, -1, 1), 1),
        Kind("metres.tif", tiff(12 * UNIT + 1, 1), scaled(12 * UNIT + 1, 1, 13), 1),
    ]
    return kinds


def ends(values: np.ndarray) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def colour_mode_kinds() -> list[Kind]:
    """Transparency, palettes, ink, Lab, profiles."""
    rgba = Image.fromarray(np.dstack([COLOUR, ALPHA]))
    la = Image.merge("LA", (Image.fromarray(GREY), Image.fromarray(ALPHA)))
    seen, seen_grey = on_white(COLOUR, ALPHA), on_white(GREY, ALPHA)
    ink = np.dstack([COLOUR, GREY // 2])
    lab = np.dstack([GREY // 2 + 64, *(COLOUR[..., i].astype(int) // 4 - 32 for i in (0, 1))])
    few = [Image.fromarray(BITS), Image.fromarray(~BITS)]
    opaque_png, opaque_seen = palette_image()
    clear_png, clear_seen = palette_image(bytes([0, 255, 128, 7]))
    deep_alpha = np.dstack([SIXTEEN, ALPHA.astype(np.uint16) * 257])
    deep_rgba = np.dstack([TWELVE_COLOUR, ALPHA.astype(np.uint16) * 257])
    # a colour that stands for nothing at all
    key = tuple(int(each) for each in COLOUR[0, 0])
    keyed = np.where((COLOUR[0, 0] == COLOUR).all(-1, keepdims=True), 255, COLOUR)
    permuted = {"icc_profile": profile_of_swapped_primaries("gbr")}
    plain = Image.fromarray(COLOUR)
    colour_of_profile = COLOUR[..., [2, 0, 1]]
    return [
        *(Kind(f"alpha.{e}", save(rgba, k), seen, 1) for e, k in [("png", "PNG"), ("tif", "TIFF")]),
        *(Kind(f"alpha.{e}", save(rgba, k), seen, 1) for e, k in [("tga", "TGA"), ("sgi", "SGI")]),
        *(Kind(f"alpha.{e}", save(rgba, k), seen, 1) for e, k in [("jp2", "JPEG2000")]),
        Kind("alpha.webp", save(rgba, "WEBP", lossless=True, exact=True), seen, 1),
        Kind("alpha.ico", save(rgba, "ICO", sizes=[(16, 16)]), seen, 1),
        Kind("grey_alpha.png", save(la, "PNG"), seen_grey, 1),
        Kind("grey_alpha.tif", save(la, "TIFF"), seen_grey, 1),
        Kind("grey_alpha.tga", save(la, "TGA"), seen_grey, 1),
        Kind(
            "16_grey_alpha.png",
            png(deep_alpha, 16, 4),
            on_white(scaled(SIXTEEN, 0, 65535), ALPHA),
            1,
        ),
        Kind(
            "12_colour_alpha.png",
            png(deep_rgba, 16, 6),
            on_white(scaled(TWELVE_COLOUR, 0, 4095), ALPHA),
            1,
        ),
        Kind("key.png", save(plain, "PNG", transparency=key), keyed),
        Kind(
            "grey_key.png",
            save(Image.fromarray(GREY), "PNG", transparency=0),
            np.where(GREY == 0, 255, GREY),
        ),
        Kind(
            "bit_key.png", png(BITS.astype(int), 1, 0, (b"tRNS", b"\0\0")), np.full(BITS.shape, 255)
        ),
        Kind(
            "16_key.png",
            png(TWELVE, 16, 0, (b"tRNS", b"\x0f\xff")),
            np.where(TWELVE == 4095, 255, scaled(TWELVE, 0, 4095)),
        ),
        Kind("palette.png", opaque_png, opaque_seen),
        Kind("palette_alpha.png", clear_png, clear_seen, 1),
        Kind("palette.gif", save(Image.open(BytesIO(opaque_png)), "GIF"), opaque_seen),
        Kind("palette.bmp", save(Image.open(BytesIO(opaque_png)), "BMP"), opaque_seen),
        Kind("palette.tif", save(Image.open(BytesIO(opaque_png)), "TIFF"), opaque_seen),
        Kind("palette.pcx", save(Image.open(BytesIO(opaque_png)), "PCX"), opaque_seen),
        Kind("palette.tga", save(Image.open(BytesIO(opaque_png)), "TGA"), opaque_seen),
        Kind("animated.gif", save(few[0], "GIF", save_all=True, append_images=few[1:]), BITS * 255),
        Kind(
            "animated.webp",
            save(plain, "WEBP", save_all=True, append_images=[plain.rotate(90)], lossless=True),
            COLOUR,
        ),
        Kind(
            "animated.png",
            save(plain, "PNG", save_all=True, append_images=[plain.rotate(90)]),
            COLOUR,
        ),
        Kind(
            "pages.tif",
            save(plain, "TIFF", save_all=True, append_images=[plain.rotate(90)]),
            COLOUR,
        ),
        Kind("ink.tif", save(Image.fromarray(ink, "CMYK"), "TIFF"), cmyk_to_rgb(ink), 1),
        # Pillow writes ink as Adobe does, inverted
        Kind(
            "ink.jpg", save(Image.fromarray(ink, "CMYK"), "JPEG", quality=98), cmyk_to_rgb(ink), 40
        ),
        Kind("lab.tif", tiff(lab.astype(np.uint8), 8), lab_to_srgb(lab), 3),
        Kind("video.tif", save(plain.convert("YCbCr"), "TIFF"), COLOUR, 3),
        Kind("profile.png", save(plain, "PNG", **permuted), colour_of_profile, 2),
        Kind(
            "profile.jpg",
            save(plain, "JPEG", quality=98, subsampling=0, **permuted),
            colour_of_profile,
            8,
        ),
        Kind("profile.tif", save(plain, "TIFF", **permuted), colour_of_profile, 2),
        Kind("profile.webp", save(plain, "WEBP", lossless=True, **permuted), colour_of_profile, 2),
        Kind("damaged_profile.png", save(plain, "PNG", icc_profile=b"no profile"), COLOUR),
    ]


# where the first row and the first column of a stored picture belong (TIFF 6.0, tag 274)
FIRST_ROW_AND_COLUMN = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def turned(upright: np.ndarray, orientation: int) -> np.ndarray:
    """Return the picture as a camera stores it that writes ``orientation``."""
    row, column = FIRST_ROW_AND_COLUMN[orientation]
    stored = upright if row in ("top", "bottom") else upright.swapaxes(0, 1)
    if row in ("bottom", "right"):
        stored = stored[::-1]
    if column in ("bottom", "right"):
        stored = stored[:, ::-1]
    return np.ascontiguousarray(stored)


def orientation_kinds() -> list[Kind]:
    kinds = []
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[274] = orientation
        stored = Image.fromarray(turned(COLOUR, orientation))
        kinds += [
            Kind(
                f"turned_{orientation}.jpg",
                save(stored, "JPEG", quality=98, subsampling=0, exif=exif),
                COLOUR,
                6,
            ),
            Kind(f"turned_{orientation}.png", save(stored, "PNG", exif=exif), COLOUR),
            Kind(
                f"turned_{orientation}.webp", save(stored, "WEBP", lossless=True, exif=exif), COLOUR
            ),
            Kind(
                f"turned_{orientation}.tif",
                save(stored, "TIFF", tiffinfo={274: orientation}),
                COLOUR,
            ),
            Kind(
                f"turned_12_bit_{orientation}.png",
                save(Image.fromarray(turned(TWELVE, orientation)), "PNG", exif=exif),
                scaled(TWELVE, 0, 4095),
            ),
            Kind(
                f"turned_12_bit_{orientation}.tif",
                tiff(turned(TWELVE_COLOUR, orientation), 2, tags={274: (orientation,)}),
                scaled(TWELVE_COLOUR, 0, 4095),
            ),
        ]
        if "AVIF" in Image.SAVE:
            content = save(stored, "AVIF", quality=100, subsampling="4:4:4", exif=exif)
            kinds.append(Kind(f"turned_{orientation}.avif", content, COLOUR, 3))
    # one that no camera writes
    odd = Image.Exif()
    odd[274] = 9
    kinds.append(Kind("turned_9.png", save(Image.fromarray(COLOUR), "PNG", exif=odd), COLOUR))
    return kinds


KINDS = [*plain_kinds(), *depth_kinds(), *colour_mode_kinds(), *orientation_kinds()]


def test_there_are_many():
    assert len(KINDS) >= 60
    assert len({kind.name for kind in KINDS}) == len(KINDS)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_decoded_as_written(tmp_path, kind):
    path = tmp_path / kind.name if not kind.name.endswith(".") else tmp_path / "no_extension"
    path.write_bytes(kind.content)
    decoded = decode_image(str(path), SIDE, 3).transpose(1, 2, 0).astype(float)
    seen = kind.seen if kind.seen.ndim == 3 else np.dstack([kind.seen] * 3)
    # an exact reference may lie half-way between two bytes
    assert np.abs(decoded - seen).max() <= kind.tolerance + 0.5
