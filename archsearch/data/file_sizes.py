"""How large the images of files are beside the size that networks see: from a few headers."""

from collections.abc import Sequence

from archsearch.data.image_decoder import upright_size
from archsearch.errors import InputError

#: files whose headers are read
_LOOKED_AT = 24
#: a shorter edge so many times longer than the network's, or shorter, is worth a line
_MUCH = 2


def size_note(paths: Sequence[str], side: int) -> str:
    """Return what becomes of files that are much larger or smaller than ``side``; else nothing.

    Args:
        paths: image files; some, spread over all, are looked at.
        side: in pixels, to which images are scaled and cropped.
    """
    sizes = _sizes(paths[:: max(1, len(paths) // _LOOKED_AT)][:_LOOKED_AT])
    if not sizes:
        return ""
    edges = sorted(min(size) for size in sizes)
    typical = edges[len(edges) // 2]
    if typical >= _MUCH * side:
        done, more = f"scaled down to {side} px", "a larger one shows more of them"
    elif typical * _MUCH <= side:
        done, more = f"enlarged to {side} px", "a smaller one trains faster"
    else:
        return ""
    is_cut = any(width != height for width, height in sizes)
    cut = ", what is outside the centre square is cut off" if is_cut else ""
    shown = _range(sizes)
    return (
        f"image files are {shown} px (of {len(sizes)} looked at): the shorter edge is {done}{cut}; "
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
