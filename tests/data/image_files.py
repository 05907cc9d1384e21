"""Image files that Pillow reads and does not write, made byte by byte."""

import struct
import zlib

import numpy as np

# sRGB's primaries as ICC has them: columns of the matrix to XYZ, adapted to D50
_PRIMARIES = {
    "r": (0.4360, 0.2225, 0.0139),
    "g": (0.3851, 0.7169, 0.0971),
    "b": (0.1431, 0.0606, 0.7139),
}


def png(array: np.ndarray, bits: int, colour_type: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG of ``array`` (H, W) or (H, W, C) with ``bits`` a channel."""
    height, width = array.shape[:2]
    lines = array.reshape(height, -1)
    if bits == 16:
        rows = [line.astype(">u2").tobytes() for line in lines]
    elif bits == 8:
        rows = [line.astype(np.uint8).tobytes() for line in lines]
    else:
        unpacked = np.unpackbits(lines.astype(np.uint8)[..., None], axis=2)[..., 8 - bits :]
        rows = [np.packbits(line).tobytes() for line in unpacked.reshape(height, -1)]
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = [(b"IHDR", header), *chunks, (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )


def tiff(
    array: np.ndarray,
    photometric: int,
    *,
    order: str = "<",
    deflate: bool = False,
    planar: bool = False,
    bits: int | None = None,
    data: bytes | None = None,
    tags: dict[int, tuple[int, ...]] | None = None,
) -> bytes:
    """Return a TIFF of ``array`` (H, W) or (H, W, C) in one strip a plane."""
    height, width = array.shape[:2]
    channels = 1 if array.ndim == 2 else array.shape[2]
    planes = list(np.moveaxis(array, -1, 0)) if planar else [array]
    kind = array.dtype.newbyteorder(order)
    strips = [data] if data is not None else [plane.astype(kind).tobytes() for plane in planes]
    if deflate:
        strips = [zlib.compress(strip) for strip in strips]
    width_of = bits or 8 * array.dtype.itemsize
    sample = {"u": 1, "i": 2, "f": 3}[array.dtype.kind]
    offsets = [8 + sum(map(len, strips[:index])) for index in range(len(strips))]
    entries: dict[int, tuple[int, ...]] = {
        256: (width,),
        257: (height,),
        258: (width_of,) * channels,
        259: (8 if deflate else 1,),
        262: (photometric,),
        273: tuple(offsets),
        277: (channels,),
        278: (height,),
        279: tuple(map(len, strips)),
        284: (2 if planar else 1,),
        339: (sample,) * channels,
        **(tags or {}),
    }
    body = b"".join(strips)
    body += b"\0" * (len(body) % 2)
    at = 8 + len(body)
    extra_at = at + 2 + 12 * len(entries) + 4
    directory, extra = struct.pack(f"{order}H", len(entries)), b""
    for tag, values in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(values)}I", *values)
        directory += struct.pack(f"{order}HHI", tag, 4, len(values))
        if len(values) == 1:
            directory += packed
        else:
            directory += struct.pack(f"{order}I", extra_at + len(extra))
            extra += packed
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(f"{order}I", at) + body + directory + bytes(4) + extra


def profile_of_swapped_primaries(order: str) -> bytes:
    """Return an ICC profile as sRGB's, but its channels mean ``order``, e.g. ``gbr``."""

    def fixed(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    # sRGB's curve, sampled: 'curv' of 1,024 points
    x = np.arange(1024) / 1023
    linear = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    curve = b"curv\0\0\0\0" + struct.pack(">I", 1024)
    curve += np.round(linear * 65535).astype(">u2").tobytes()
    words = b"permuted"
    text = b"desc\0\0\0\0" + struct.pack(">I", len(words) + 1) + words + b"\0" + bytes(78)
    tags = {
        b"desc": text,
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": b"XYZ \0\0\0\0" + fixed(0.9642, 1.0, 0.8249),
    }
    for name, primary in zip("rgb", order, strict=True):
        tags[f"{name}XYZ".encode()] = b"XYZ \0\0\0\0" + fixed(*_PRIMARIES[primary])
        tags[f"{name}TRC".encode()] = curve
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, tag in tags.items():
        table += name + struct.pack(">II", start + len(body), len(tag))
        body += tag + b"\0" * (-len(tag) % 4)
    head = bytearray(128)
    head[0:4] = struct.pack(">I", start + len(body))
    head[8:12] = struct.pack(">I", 0x02400000)
    head[12:24] = b"mntrRGB XYZ "
    head[36:40] = b"acsp"
    head[68:80] = fixed(0.9642, 1.0, 0.8249)
    return bytes(head) + table + body
