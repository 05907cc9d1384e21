"""Files in MNIST's idx layout, plain or compressed with gzip."""

import gzip
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archsearch.data.array_splits import Labelled
from archsearch.errors import InputError, Problem

STEMS = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def find_idx_folder(*folders: Path) -> Path | None:
    """Return the first folder that holds all four files, plain or with ``.gz``."""
    for folder in folders:
        if all(_find(folder, stem) for stem in STEMS):
            return folder
    return None


def load_idx_folder(folder: Path) -> tuple[Labelled, Labelled]:
    """Read training and test images.

    Raises:
        InputError: a file is damaged, or images and labels do not belong together.
    """
    arrays = [_read(_find(folder, stem) or folder / stem) for stem in STEMS]
    problems = [
        Problem("", f"must hold one label an image, {len(images)}", len(labels), file=str(folder))
        for images, labels in (arrays[:2], arrays[2:])
        if len(images) != len(labels)
    ]
    if problems:
        raise InputError(problems)
    train, test = arrays[:2], arrays[2:]
    return (
        Labelled(train[0][:, None], train[1].astype(np.int64)),
        Labelled(test[0][:, None], test[1].astype(np.int64)),
    )


def _find(folder: Path, stem: str) -> Path | None:
    candidates = (folder / stem, folder / f"{stem}.gz")
    return next((path for path in candidates if path.is_file()), None)


def _read(path: Path) -> NDArray[np.uint8]:
    """Read one idx file of unsigned bytes (magic 0, 0, 8, rank; then big-endian sizes)."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            Problem("", f"cannot be read ({error})", remedy="fetch it again", file=str(path))
        ) from None
    problem = Problem("", "must be an idx file of bytes", remedy="fetch it again", file=str(path))
    header = 4 + 4 * data[3] if len(data) >= 4 else 4
    if data[:3] != b"\0\0\x08" or len(data) < header:
        raise InputError(problem)
    shape = np.frombuffer(data[4:header], ">u4").astype(int)
    if len(data) != header + int(np.prod(shape)):
        raise InputError(problem)
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)
