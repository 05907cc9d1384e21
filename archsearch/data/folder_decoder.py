"""Decode the images of a folder into one array, or find out how to decode them later."""

import hashlib
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL

from archsearch.data.folder_scan import Files
from archsearch.data.image_cache import Kept, read_cache, write_cache
from archsearch.data.image_decoder import channels_of, decode_or_measure, measure
from archsearch.data.image_formats import has_heif
from archsearch.data.request import Progress, Request
from archsearch.data.splits import Pixels
from archsearch.data.value_scale import Extent, ValueScale, decide_scale
from archsearch.errors import InputError, Problem, limited
from archsearch.image_size import ImageSize, sides_of
from archsearch.machine import own_limits

# part of every fingerprint: what the same files are decoded to depends on it
_VERSION = 2
_SAMPLED = 64
_PATIENCE_S = 2.0
_INTERVAL_S = 0.1
_CHUNK = 256


@dataclass(frozen=True, eq=False)
class Decoded:
    """Images of one size, and how they were decoded.

    Attributes:
        pixels: (N, C, H, W).
        scale: of values with more than 8 bits.
        num_broken: images in which some values are no numbers.
    """

    pixels: Pixels
    scale: ValueScale
    num_broken: int = 0


@dataclass(frozen=True, eq=False)
class Survey:
    """A survey of images before they are decoded.

    Attributes:
        extremes: smallest and largest byte of each channel of each image, (N, C, 1, 2); grey
            has 3 channels.
        channels: 1 if every image is grey, else 3, or as many as the files have.
        scale: of values with more than 8 bits.
        num_broken: images in which some values are no numbers.
    """

    extremes: Pixels
    channels: int
    scale: ValueScale
    num_broken: int = 0


def count_channels(paths: Sequence[str]) -> int:
    """Return 1 if every image is grey, else 3; of arrays, the channels of the one with most.

    Colour shows in the first few of a colour set.
    """
    step = max(1, len(paths) // _SAMPLED)
    for sample in (paths[::step], paths):
        with _quiet(), ThreadPoolExecutor(_threads()) as pool:
            most = max(pool.map(channels_of, sample, chunksize=_CHUNK))
        if most > 1:
            return most
    return 1


def decode_images(request: Request, folder: Path, files: Files, channels: int) -> Decoded:
    """Decode every image, or read what an earlier run decoded.

    Raises:
        InputError: with the images that cannot be read.
    """
    size = request.image_size
    fingerprint = _fingerprint(files, size, channels)
    key = repr((str(folder.resolve()), size, channels, request.limit, request.seed))
    kept = read_cache(key, fingerprint)
    if kept is not None:
        return Decoded(
            kept.pixels, ValueScale.from_dict(kept.about["scale"]), kept.about["num_broken"]
        )
    started = time.monotonic()
    decoded = _decode(files.paths, size, channels, request.progress)
    if time.monotonic() - started > _PATIENCE_S:
        about = {"scale": decoded.scale.to_dict(), "num_broken": decoded.num_broken}
        write_cache(key, fingerprint, Kept(decoded.pixels, about))
    return decoded


def survey_images(request: Request, folder: Path, files: Files, channels: int) -> Survey:
    """Read every image once, or what an earlier run found: which are broken, grey, deep.

    Args:
        request: of the data set.
        folder: of the data set.
        files: in it.
        channels: that they have, by a sample; 1 stands for 3.

    Raises:
        InputError: with the images that cannot be read.
    """
    channels = 3 if channels == 1 else channels
    fingerprint = _fingerprint(files, request.image_size, 0 if channels == 3 else channels)
    key = repr((str(folder.resolve()), "survey", request.limit, request.seed))
    kept = read_cache(key, fingerprint)
    if kept is not None:
        scale = ValueScale.from_dict(kept.about["scale"])
        return Survey(kept.pixels, kept.about["channels"], scale, kept.about["num_broken"])
    started = time.monotonic()
    extremes = np.zeros((len(files), channels, 1, 2), np.uint8)
    extents: dict[int, Extent] = {}
    grey = np.zeros(len(files), bool)

    def look(index: int) -> None:
        grey[index], found = measure(files.paths[index], request.image_size, channels)
        if isinstance(found, Extent):
            extents[index] = found
        else:
            extremes[index] = found

    _each(range(len(files)), look, "checking images", request.progress)
    scale = decide_scale(extents.values())
    for index, extent in extents.items():
        values = scale.floats if extent.is_float else scale.integers
        assert values is not None, "the scale was decided from these"
        extremes[index] = values.bytes_of(np.array([extent.low, extent.high]))
    found_channels = 1 if grey.all() else channels
    survey = Survey(extremes, found_channels, scale, _broken(extents.values()))
    if time.monotonic() - started > _PATIENCE_S:
        about = {
            "channels": survey.channels,
            "scale": scale.to_dict(),
            "num_broken": survey.num_broken,
        }
        write_cache(key, fingerprint, Kept(extremes, about))
    return survey


def _decode(
    paths: Sequence[str], size: ImageSize, channels: int, progress: Progress | None
) -> Decoded:
    pixels = np.empty((len(paths), channels, *sides_of(size)), np.uint8)
    extents: dict[int, Extent] = {}
    scale = ValueScale()

    def decode(index: int) -> None:
        decoded = decode_or_measure(paths[index], size, channels, scale)
        if isinstance(decoded, Extent):
            extents[index] = decoded
        else:
            pixels[index] = decoded

    _each(range(len(paths)), decode, "decoding images", progress)
    if extents:
        # the scale is one for all: it is known once every image was measured
        scale = decide_scale(extents.values())
        _each(sorted(extents), decode, "scaling images", progress)
    return Decoded(pixels, scale, _broken(extents.values()))


def _each(
    indices: Sequence[int], work: Callable[[int], None], what: str, progress: Progress | None
) -> None:
    """Call ``work`` with every index, in threads; problems are raised together at the end."""
    problems: list[Problem] = []

    def chunk(start: int) -> None:
        for index in indices[start : start + _CHUNK]:
            try:
                work(index)
            except InputError as error:
                problems.extend(error.problems)

    started = shown = time.monotonic()
    starts = range(0, len(indices), _CHUNK)
    with _quiet(), ThreadPoolExecutor(_threads()) as pool:
        for start, _ in zip(starts, pool.map(chunk, starts), strict=True):
            now = time.monotonic()
            if progress and now - started > _PATIENCE_S and now - shown > _INTERVAL_S:
                progress(what, min(start + _CHUNK, len(indices)), len(indices))
                shown = now
    if problems:
        problems.sort(key=lambda problem: problem.file)
        raise InputError(limited(problems, "images cannot be read"))
    if progress and shown > started:
        progress(what, len(indices), len(indices))


def _fingerprint(files: Files, size: ImageSize, channels: int) -> str:
    readers = (_VERSION, PIL.__version__, has_heif())
    whole = repr((readers, files.paths, files.stamps, size, channels))
    return hashlib.sha256(whole.encode()).hexdigest()


def _broken(extents: Iterable[Extent]) -> int:
    return sum(not each.is_whole for each in extents)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Pillow's warnings about single files: it reads them, or it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _threads() -> int:
    return min(8, own_limits().whole_cores)
