"""From arrays of images to `DataSplits`: subset, hold out, resize."""

from dataclasses import dataclass

import numpy as np

from archsearch.data.array_resizing import channel_statistics, convert_channels, resize_images
from archsearch.data.request import Request
from archsearch.data.splits import ArraySplit, DataSplits, Indices, Labels, Pixels
from archsearch.data.stratification import draw, hold_out
from archsearch.errors import InputError, Problem, limited

# below this many images a tenth is too few to tell two candidates apart
_SMALL = 5000
_LARGE_SHARE = 0.2


@dataclass(frozen=True, eq=False)
class Labelled:
    """Images as they come, before they are resized: (N, C, H, W) and (N,)."""

    pixels: Pixels
    labels: Labels


def splits_from_arrays(
    request: Request, train: Labelled, test: Labelled, class_names: tuple[str, ...]
) -> DataSplits:
    """Hold a validation split out of ``train`` and adapt all images to the request.

    Raises:
        InputError: a class or the limit is too small.
    """
    kept, held = choose_validation(request, train.labels, class_names)
    fitted = _fit(request, train.pixels[kept], train.labels[kept])
    mean, std = channel_statistics(fitted.pixels)
    return DataSplits(
        train=fitted,
        val=_fit(request, train.pixels[held], train.labels[held]),
        test=_fit(request, test.pixels, test.labels),
        num_classes=len(class_names),
        in_channels=fitted.pixels.shape[1],
        image_size=request.image_size,
        name=request.name,
        class_names=class_names,
        places=(
            "training images",
            held_out(request, "of them", len(kept), len(held)),
            "test images",
        ),
        mean=mean,
        std=std,
    )


def choose_validation(
    request: Request, labels: Labels, class_names: tuple[str, ...]
) -> tuple[Indices, Indices]:
    """Return the indices ``(train, val)`` of a pool without a validation split of its own.

    A tenth of every class is held out, a fifth where the pool has less than 5,000 images. A
    limit counts both parts together, and leaves every class an image in each.

    Raises:
        InputError: some class has a single image, or the limit is less than two a class.
    """
    if problems := _too_small(request, labels, class_names):
        raise InputError(problems)
    rng = request.rng()
    pool = np.arange(len(labels), dtype=np.int64)
    if request.limit is not None and request.limit < len(labels):
        pool = draw(labels, request.limit, rng, least=2)
    kept, held = hold_out(labels[pool], _share(len(pool)), rng)
    return pool[kept], pool[held]


def held_out(request: Request, of_what: str, kept: int, held: int) -> str:
    """Return how the ``held`` images were chosen that `choose_validation` took from a pool."""
    share = "a fifth" if _share(kept + held) == _LARGE_SHARE else "a tenth"
    return f"{share} {of_what}, seed {request.seed}"


def limit_problem(limit: int, num_classes: int) -> Problem:
    """Return the problem of a limit that leaves a class without an image in some split."""
    return Problem(
        "limit",
        f"must leave each of the {num_classes} classes an image to train on and one to validate on",
        limit,
        f"use at least {2 * num_classes}, better several times that",
    )


def _fit(request: Request, pixels: Pixels, labels: Labels) -> ArraySplit:
    converted = convert_channels(pixels, request.channels or pixels.shape[1])
    return ArraySplit(
        np.ascontiguousarray(resize_images(converted, request.image_size)),
        labels.astype(np.int64),
    )


def _share(count: int) -> float:
    return _LARGE_SHARE if count < _SMALL else 0.1


def _too_small(request: Request, labels: Labels, class_names: tuple[str, ...]) -> list[Problem]:
    sizes = np.bincount(labels, minlength=len(class_names))
    small = [
        Problem(
            "data",
            f"class '{class_names[label]}' must have at least 2 training images, one of them to "
            "validate on",
            int(sizes[label]),
            "add images, or remove the class",
        )
        for label in np.unique(labels)
        if sizes[label] < 2
    ]
    small = limited(small, "such classes")
    present = len(np.unique(labels))
    if request.limit is not None and request.limit < 2 * present:
        small.append(limit_problem(request.limit, present))
    return small
