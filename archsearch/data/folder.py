"""Images in folders: train/CLASS/..., val/CLASS/..., and perhaps test/CLASS/..."""

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from archsearch.data.assemble import choose_validation, splits_from_arrays, statistics
from archsearch.data.cache import read_cache, write_cache
from archsearch.data.decode import decode_image, is_grey
from archsearch.data.idx import find_idx_folder, load_idx_folder
from archsearch.data.request import Progress, Request
from archsearch.data.scan import Files, scan_folder
from archsearch.data.splits import ArraySplit, DataSplits, FileSplit, Indices, Pixels, Split
from archsearch.data.stratified import draw
from archsearch.errors import InputError, Problem
from archsearch.machine import own_limits

_SAMPLED = 64
_STATISTICS_SAMPLE = 2048
_PATIENCE_S = 2.0
_INTERVAL_S = 0.1
_SHOWN = 20


def load(request: Request) -> DataSplits:
    """Return the data set in ``folder:PATH``.

    With val/ and test/, the search validates on val/ and the report uses test/. With one of the
    two only, that one is kept for the report, and the search validates on a part held out of
    train/. A folder with the four files of MNIST's idx layout is read too.

    Raises:
        InputError: with every problem of the layout, or every unreadable image.
    """
    folder = Path(request.name.removeprefix("folder:")).expanduser()
    if find_idx_folder(folder):
        train, test = load_idx_folder(folder)
        names = tuple(str(label) for label in range(int(train.labels.max()) + 1))
        return splits_from_arrays(request, train, test, names)
    files = scan_folder(folder)
    parts = _parts(request, files.train, files.val, files.test)
    every = [path for part in parts.values() for path in part.paths]
    channels = request.channels or _channels(every)
    needed = len(every) * channels * request.image_size**2
    if needed <= request.in_memory_bytes:
        splits = _decode_all(request, folder, parts, channels)
        sample = splits["train"].batch(np.arange(len(splits["train"])))
    else:
        splits = {
            name: FileSplit(part.paths, part.labels, request.image_size, channels)
            for name, part in parts.items()
        }
        count = min(_STATISTICS_SAMPLE, len(parts["train"]))
        sample = splits["train"].batch(draw(parts["train"].labels, count, request.rng()))
    return DataSplits(
        train=splits["train"],
        val=splits["val"],
        test=splits["test"],
        num_classes=len(files.class_names),
        in_channels=channels,
        image_size=request.image_size,
        name=request.name,
        class_names=files.class_names,
        **statistics(sample),
    )


def _parts(
    request: Request, train: Files, val: Files | None, test: Files | None
) -> dict[str, Files]:
    """Decide which files train, validate and test."""
    if val is not None and test is not None:
        if request.limit is not None and request.limit < len(train) + len(val):
            share = request.limit / (len(train) + len(val))
            rng = request.rng()
            train, val = (
                _take(part, draw(part.labels, max(1, int(share * len(part))), rng))
                for part in (train, val)
            )
        return {"train": train, "val": val, "test": test}
    kept, held = choose_validation(request, train.labels)
    last = val if val is not None else test
    assert last is not None, "scan_folder refuses a folder with train/ alone"
    return {"train": _take(train, kept), "val": _take(train, held), "test": last}


def _take(files: Files, indices: Indices) -> Files:
    return Files(
        tuple(files.paths[i] for i in indices),
        tuple(files.stamps[i] for i in indices),
        files.labels[indices],
    )


def _channels(paths: list[str]) -> int:
    """Return 1 if every image is grey, else 3; colour shows in the first few of a colour set."""
    step = max(1, len(paths) // _SAMPLED)
    for sample in (paths[::step], paths):
        with ThreadPoolExecutor(_threads()) as pool:
            if not all(pool.map(is_grey, sample, chunksize=256)):
                return 3
    return 1


def _decode_all(
    request: Request, folder: Path, parts: dict[str, Files], channels: int
) -> dict[str, Split]:
    """Decode every image, or read what an earlier run decoded."""
    paths = [path for part in parts.values() for path in part.paths]
    stamps = [stamp for part in parts.values() for stamp in part.stamps]
    side = request.image_size
    fingerprint = hashlib.sha256(repr((paths, stamps, side, channels)).encode()).hexdigest()
    key = repr((str(folder.resolve()), side, channels, request.limit, request.seed))
    pixels = read_cache(key, fingerprint)
    if pixels is None:
        started = time.monotonic()
        pixels = _decode(paths, side, channels, request.progress)
        if time.monotonic() - started > _PATIENCE_S:
            write_cache(key, fingerprint, pixels)
    splits: dict[str, Split] = {}
    start = 0
    for name, part in parts.items():
        # a copy for each, so that a worker can be given one without the others
        splits[name] = ArraySplit(pixels[start : start + len(part)].copy(), part.labels)
        start += len(part)
    return splits


def _decode(paths: list[str], side: int, channels: int, progress: Progress | None) -> Pixels:
    pixels = np.empty((len(paths), channels, side, side), np.uint8)
    problems: list[Problem] = []

    def decode_chunk(start: int) -> None:
        for index in range(start, min(start + 256, len(paths))):
            try:
                pixels[index] = decode_image(paths[index], side, channels)
            except InputError as error:
                problems.extend(error.problems)

    started = shown = time.monotonic()
    starts = range(0, len(paths), 256)
    with ThreadPoolExecutor(_threads()) as pool:
        for start, _ in zip(starts, pool.map(decode_chunk, starts), strict=True):
            now = time.monotonic()
            if progress and now - started > _PATIENCE_S and now - shown > _INTERVAL_S:
                progress("decoding images", min(start + 256, len(paths)), len(paths))
                shown = now
    if problems:
        problems.sort(key=lambda problem: problem.file)
        if len(problems) > _SHOWN:
            more = Problem("", f"and {len(problems) - _SHOWN} more images cannot be read")
            problems = [*problems[:_SHOWN], more]
        raise InputError(problems)
    if progress and shown > started:
        progress("decoding images", len(paths), len(paths))
    return pixels


def _threads() -> int:
    return min(8, own_limits().whole_cores)
