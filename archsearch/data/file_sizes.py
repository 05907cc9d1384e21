"""How large the images of files are beside the size that networks see: from a few headers."""

from collections.abc import Sequence

from archsearch.data.image_decoder import upright_size
from archsearch.errors import InputError
from archsearch.image_size import ImageSize, sides_of, size_text

#: files whose headers are read
_LOOKED_AT = 24
#: files so many times larger than the network's images, or smaller, are worth a line
_MUCH = 2


def size_note(paths: Sequence[str], size: ImageSize) -> str:
    """Return what becomes of files that are much larger or smaller than ``size``; else nothing.

    Args:
        paths: image files; some, spread over all, are looked at.
        size: to which images are scaled and cropped.
    """
    sizes = _sizes(paths[:: max(1, len(paths) // _LOOKED_AT)][:_LOOKED_AT])
    if not sizes:
        return ""
    high, wide = sides_of(size)
    times = sorted(min(width / wide, height / high) for width, height in sizes)
    typical = times[len(times) // 2]
    if typical >= _MUCH:
        done, more = f"scaled down to {size_text(size)} px", "a larger one shows more of them"
    elif typical * _MUCH <= 1:
        done, more = f"enlarged to {size_text(size)} px", "a smaller one trains faster"
    else:
        return ""
    is_cut = any(width * high != height * wide for width, height in sizes)
    shape = "centre square" if high == wide else "centre of that shape"
    cut = f", what is outside the {shape} is cut off" if is_cut else ""
    subject = "the shorter edge is" if high == wide else "they are"
    shown = _range(sizes)
    return (
        f"image files are {shown} px (of {len(sizes)} looked at): {subject} {done}{cut}; "
        f"--image-size (in an ablation image_size of the study) sets another size: {more}"
    )


def _sizes(paths: Sequence[str]) -> list[tuple[int, int]]:
    found = []
    for path in paths:
        try:
            found.append(upright_size(path))
        except InputError:
            continue  # decoding reports it
    return found


def _range(sizes: Sequence[tuple[int, int]]) -> str:
    by_area = sorted(sizes, key=lambda size: (size[0] * size[1], size))
    ends = dict.fromkeys((by_area[0], by_area[-1]))
    return " to ".join(f"{width:,} x {height:,}" for width, height in ends)
