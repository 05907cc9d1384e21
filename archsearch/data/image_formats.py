"""Recognises image files by extension and first bytes, and those that need another program."""

import functools
import importlib
from dataclasses import dataclass

from PIL import Image

from archsearch.data import array_files

_RECOGNISED = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "AVIF", "JPEG2000", "PSD", "QOI")
# formats that any bytes may look like: opened where the extension says so
_BY_EXTENSION = (
    *("BLP", "CUR", "DCX", "DDS", "DIB", "FITS", "FLI", "FTEX", "ICNS", "ICO", "IM", "MSP"),
    *("PCD", "PCX", "PIXAR", "SGI", "SUN", "TGA", "XBM", "XPM"),
)
_JPEG_SUFFIXES = (".jfi", ".jif", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo")
_HEIF_SUFFIXES = (".heic", ".heics", ".heif", ".heifs", ".hif")


@dataclass(frozen=True)
class Foreign:
    """A kind of image file that is not read here.

    Attributes:
        what: what it is, e.g. ``the raw data of a camera``.
        remedy: what to do about it.
    """

    what: str
    remedy: str


NEEDS_HEIF = Foreign(
    "HEIC needs another package", "run pip install 'archsearch[heif]', or convert to JPEG"
)
_RAW = Foreign("the raw data of a camera", "develop to JPEG, PNG or TIFF")
_VECTOR = Foreign("a drawing without pixels", "export to PNG")
_MEDICAL = Foreign("a format of scanners and microscopes", "convert to 16-bit PNG or TIFF")
_ARRAY = Foreign("an array", "write one PNG, TIFF or .npy for each image")
_VIDEO = Foreign("a video", "write its frames as images")
_EDITOR = Foreign("the file of an image editor", "export to PNG")
_ARCHIVE = Foreign("an archive", "unpack it")
_OTHER = Foreign(
    "a format that is not read here", "convert to PNG, or to TIFF where it holds floats"
)

_FOREIGN = {
    _RAW: "3fr arw cr2 cr3 crw dcr dng erf iiq kdc mrw nef nrw orf pef raf raw rw2 rwl sr2 srf srw "
    "x3f",
    _VECTOR: "ai cdr emf eps pdf ps svg svgz wmf",
    _MEDICAL: "czi dcm dicom ima lif lsm mha mhd mrc nd2 ndpi nii nrrd oib oif svs vsi",
    _ARRAY: "h5 hdf hdf5 mat npz pt pth",
    _VIDEO: "avi m4v mkv mov mp4 mpeg mpg webm wmv",
    _EDITOR: "clip kra psb xcf",
    _ARCHIVE: "7z gz rar tar tgz zip",
    _OTHER: "bpg djvu exr flif hdr jls jng jxl jxr wdp",
}
_FOREIGN_BY_SUFFIX = {
    f".{suffix}": kind for kind, suffixes in _FOREIGN.items() for suffix in suffixes.split()
}

# files that operating systems, editors and archives leave beside images
_LITTER = frozenset(
    (
        *("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir", "#recycle"),
        *("$recycle.bin", "lost+found", "system volume information", "__pycache__"),
    )
)


def is_litter(name: str) -> bool:
    """Say whether ``name`` is a hidden file or folder, or one that a system leaves behind."""
    return name.startswith(".") or name.lower() in _LITTER


@functools.cache
def suffixes() -> frozenset[str]:
    """Return the extensions of the images that are read, in lower case, with their dot."""
    known = {*_RECOGNISED, *_BY_EXTENSION, *(("HEIF",) if has_heif() else ())}
    Image.init()
    found = {suffix for suffix, kind in Image.registered_extensions().items() if kind in known}
    heif = _HEIF_SUFFIXES if has_heif() else ()
    return frozenset(found).union(_JPEG_SUFFIXES, heif, (array_files.SUFFIX,))


@functools.cache
def has_heif() -> bool:
    """Say whether HEIC can be read, and make Pillow read it where pillow-heif is installed."""
    try:
        plugin = importlib.import_module("pillow_heif")
    except ImportError:
        return False
    plugin.register_heif_opener()
    return True


@functools.lru_cache(256)
def formats(suffix: str) -> tuple[str, ...]:
    """Return the formats, in Pillow's words, that a file with extension ``suffix`` may be in."""
    names = (*_RECOGNISED, *(("HEIF",) if has_heif() else ()))
    Image.init()
    named = Image.registered_extensions().get(suffix)
    return (*names, named) if named in _BY_EXTENSION else names


def foreign_by_name(suffix: str) -> Foreign | None:
    """Return what a file with extension ``suffix`` is, if it is an image that is not read here."""
    if suffix in _HEIF_SUFFIXES and not has_heif():
        return NEEDS_HEIF
    return _FOREIGN_BY_SUFFIX.get(suffix)


def look_inside(head: bytes) -> str | Foreign | None:
    """Recognise a file by its first 132 bytes.

    Returns:
        the name of a format that is read here; what it is where it is an image that is not; None
        where it does not look like an image.
    """
    for name, magic in _MAGIC.items():
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return "BMP"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return "PPM"
    if head[4:8] == b"ftyp":
        return _brand(head)
    if head[:2] == b"\xff\x0a" or head[:12] == b"\0\0\0\x0cJXL \r\n\x87\n":
        return Foreign("JPEG XL, which is not read here", "convert to PNG")
    if head[128:132] == b"DICM":
        return _MEDICAL
    return _OTHER if head[:4] == b"v/1\x01" else None


_MAGIC: dict[str, bytes | tuple[bytes, ...]] = {
    "JPEG": b"\xff\xd8\xff",
    "PNG": b"\x89PNG\r\n\x1a\n",
    "GIF": (b"GIF87a", b"GIF89a"),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "JPEG2000": (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
    "PSD": b"8BPS",
    "QOI": b"qoif",
}


def _brand(head: bytes) -> str | Foreign | None:
    """Recognise a file of the ISO base media format by its brands."""
    length = int.from_bytes(head[:4], "big")
    brands = head[8 : min(length, len(head))]
    if b"avif" in brands or b"avis" in brands:
        return "AVIF"
    if any(brand in brands for brand in (b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1")):
        return "HEIF" if has_heif() else NEEDS_HEIF
    return _VIDEO
