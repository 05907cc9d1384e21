"""Images in folders: train/CLASS/..., val/CLASS/..., test/CLASS/..., or CLASS/... alone."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from archsearch.data.array_resizing import channel_statistics
from archsearch.data.array_splits import (
    choose_validation,
    held_out,
    limit_both,
    splits_from_arrays,
)
from archsearch.data.constant_images import constant_problems
from archsearch.data.file_sizes import size_note
from archsearch.data.folder_decoder import count_channels, decode_images, survey_images
from archsearch.data.folder_scan import Files, FolderFiles, scan_folder
from archsearch.data.idx_files import find_idx_folder, load_idx_folder
from archsearch.data.request import Request
from archsearch.data.splits import ArraySplit, DataSplits, FileSplit, Indices, Pixels, Split
from archsearch.data.stratification import draw, hold_out
from archsearch.errors import InputError, Problem, limited
from archsearch.image_size import sides_of

_STATISTICS_SAMPLE = 2048
_TEST_SHARE = 0.2


@dataclass(frozen=True, eq=False)
class _Parts:
    """Files by split, in the order train, val, test, and where they come from."""

    files: dict[str, Files]
    places: tuple[str, str, str]


def load(request: Request) -> DataSplits:
    """Return the data set in ``folder:PATH``.

    The search validates on val/, and the report uses test/. Without val/, a part of train/ is held
    out to validate on; with val/ and without test/, there is no test split. Class folders alone,
    or train/ alone, are split into all three. A folder with the four files of MNIST's idx layout
    is read too.

    Raises:
        InputError: with every problem of the layout, or every unreadable image.
    """
    folder = Path(request.name.removeprefix("folder:")).expanduser()
    if find_idx_folder(folder):
        if request.channels not in (None, 1, 3):
            rule = "must be 1 or 3 for files in MNIST's layout, which are grey"
            raise InputError(Problem("channels", rule, request.channels))
        train, test = load_idx_folder(folder)
        names = tuple(str(label) for label in range(int(train.labels.max()) + 1))
        return splits_from_arrays(request, train, test, names)
    found = scan_folder(folder)
    parts = _parts(request, found)
    every = _joined(list(parts.files.values()))
    channels = request.channels or count_channels(every.paths)
    notes = list(found.notes)
    needed = len(every) * channels * math.prod(sides_of(request.image_size))
    if needed <= request.in_memory_bytes:
        decoded = decode_images(request, folder, every, channels)
        scale, num_broken = decoded.scale, decoded.num_broken
        splits = _arrays(decoded.pixels, parts.files)
        _refuse_constant(folder, found, parts.files, decoded.pixels)
        sample = splits["train"].batch(np.arange(len(splits["train"])))
    else:
        seen = survey_images(request, folder, every, channels)
        channels = request.channels or seen.channels
        scale, num_broken = seen.scale, seen.num_broken
        _refuse_constant(folder, found, parts.files, seen.extremes)
        splits = {
            name: FileSplit(part.paths, part.labels, request.image_size, channels, scale)
            for name, part in parts.files.items()
        }
        train_labels = parts.files["train"].labels
        chosen = draw(train_labels, min(_STATISTICS_SAMPLE, len(train_labels)), request.rng())
        sample = splits["train"].batch(chosen)
    notes += filter(None, (size_note(every.paths, request.image_size), scale.describe()))
    if num_broken:
        notes.append(f"warning: {num_broken:,} images hold values that are no numbers: black")
    mean, std = channel_statistics(sample)
    return DataSplits(
        train=splits["train"],
        val=splits["val"],
        test=splits.get("test"),
        num_classes=len(found.class_names),
        in_channels=channels,
        image_size=request.image_size,
        name=request.name,
        class_names=found.class_names,
        mean=mean,
        std=std,
        scale=scale,
        places=parts.places,
        notes=tuple(notes),
        skipped=found.skipped,
    )


def _parts(request: Request, found: FolderFiles) -> _Parts:
    """Decide which files train, validate and test.

    Raises:
        InputError: a class or the limit is too small.
    """
    train, val, test, places = found.train, found.val, found.test, found.places
    own = places["train"] or "class folders"
    if val is not None:
        kept, held = limit_both(request, train.labels, val.labels)
        train, val = _take(train, kept), _take(val, held)
        files = {"train": train, "val": val}
        if test is not None:
            files["test"] = test
        return _Parts(files, (own, places["val"], places.get("test", "")))
    tested = places.get("test", "")
    if test is None:
        _refuse_small(found)
        # a test split that moved with the seed would be training data of the next seed's search
        others, last = hold_out(train.labels, _TEST_SHARE, np.random.default_rng(0))
        train, test = _take(train, others), _take(train, last)
        tested = "a fifth of every class, the same for every seed"
    kept, held = choose_validation(request, train.labels, found.class_names)
    rest = f"of {own}" if "test" in places else "of the rest"
    validated = held_out(request, rest, len(kept), len(held))
    files = {"train": _take(train, kept), "val": _take(train, held), "test": test}
    return _Parts(files, (own, validated, tested))


def _refuse_small(found: FolderFiles) -> None:
    sizes = np.bincount(found.train.labels, minlength=len(found.class_names))
    problems = [
        Problem(
            "data",
            f"class '{found.class_names[label]}' must have at least 3 images, to train on, to "
            "validate on and to test on",
            int(sizes[label]),
            "add images, or remove the class",
        )
        for label in np.flatnonzero(sizes < 3)
    ]
    if problems:
        raise InputError(limited(problems, "such classes"))


def _refuse_constant(
    folder: Path, found: FolderFiles, parts: dict[str, Files], pixels: Pixels
) -> None:
    """Check the images of each folder by themselves.

    Args:
        folder: of the data set.
        found: in it.
        parts: the files by split.
        pixels: of all of them, or their extremes, (N, C, H, W).

    Raises:
        InputError: all images of a class are one colour.
    """
    own = {"train", *(name for name, each in (("val", found.val), ("test", found.test)) if each)}
    groups: list[list[str]] = []
    for name in parts:
        if name in own:
            groups.append([name])
        else:
            groups[-1].append(name)
    problems: list[Problem] = []
    start = 0
    for names in groups:
        files = _joined([parts[name] for name in names])
        # one image of a class may be a blank page; where it is all that trains, it matters
        least = 1 if "train" in names else 2
        own_pixels = pixels[start : start + len(files)]
        problems += constant_problems(str(folder), files, own_pixels, found.class_names, least)
        start += len(files)
    if problems:
        raise InputError(limited(problems, "such classes"))


def _take(files: Files, indices: Indices) -> Files:
    return Files(
        tuple(files.paths[i] for i in indices),
        tuple(files.stamps[i] for i in indices),
        files.labels[indices],
    )


def _joined(parts: list[Files]) -> Files:
    return Files(
        tuple(path for part in parts for path in part.paths),
        tuple(stamp for part in parts for stamp in part.stamps),
        np.concatenate([part.labels for part in parts]),
    )


def _arrays(pixels: Pixels, parts: dict[str, Files]) -> dict[str, Split]:
    splits: dict[str, Split] = {}
    start = 0
    for name, part in parts.items():
        # a copy for each, so that a worker can be given one without the others
        splits[name] = ArraySplit(pixels[start : start + len(part)].copy(), part.labels)
        start += len(part)
    return splits
