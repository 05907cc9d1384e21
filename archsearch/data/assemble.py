"""From arrays of images to `DataSplits`: subset, hold out, resize."""

from dataclasses import dataclass

import numpy as np

from archsearch.data.request import Request
from archsearch.data.resize import channel_statistics, convert_channels, resize_images
from archsearch.data.splits import ArraySplit, DataSplits, Indices, Labels, Pixels
from archsearch.data.stratified import draw, hold_out
from archsearch.errors import InputError, Problem

# below this many images a tenth is too few to tell two candidates apart
_SMALL = 5000


@dataclass(frozen=True, eq=False)
class Labelled:
    """Images as they come, before they are resized: (N, C, H, W) and (N,)."""

    pixels: Pixels
    labels: Labels


def splits_from_arrays(
    request: Request, train: Labelled, test: Labelled, class_names: tuple[str, ...]
) -> DataSplits:
    """Hold a validation split out of ``train`` and adapt all images to the request."""
    kept, held = choose_validation(request, train.labels)
    fitted = _fit(request, train.pixels[kept], train.labels[kept])
    return DataSplits(
        train=fitted,
        val=_fit(request, train.pixels[held], train.labels[held]),
        test=_fit(request, test.pixels, test.labels),
        num_classes=len(class_names),
        in_channels=fitted.pixels.shape[1],
        image_size=request.image_size,
        name=request.name,
        class_names=class_names,
        **statistics(fitted.pixels),
    )


def choose_validation(request: Request, labels: Labels) -> tuple[Indices, Indices]:
    """Return the indices ``(train, val)`` of a pool without a validation split of its own.

    A tenth of every class is held out, a fifth where the pool has less than 5,000 images. A
    limit counts both parts together.

    Raises:
        InputError: some class has a single image, or the limit leaves one with less than two.
    """
    rng = request.rng()
    pool = np.arange(len(labels), dtype=np.int64)
    if request.limit is not None and request.limit < len(labels):
        pool = draw(labels, request.limit, rng)
    sizes = np.bincount(labels[pool])
    if sizes[np.unique(labels)].min() < 2:
        raise InputError(_too_few(request, labels))
    share = 0.2 if len(pool) < _SMALL else 0.1
    kept, held = hold_out(labels[pool], share, rng)
    return pool[kept], pool[held]


def statistics(pixels: Pixels) -> dict[str, tuple[float, ...]]:
    """Return ``mean`` and ``std`` of the training pixels, as `DataSplits` takes them."""
    mean, std = channel_statistics(pixels)
    return {"mean": mean, "std": std}


def _fit(request: Request, pixels: Pixels, labels: Labels) -> ArraySplit:
    converted = convert_channels(pixels, request.channels or pixels.shape[1])
    return ArraySplit(
        np.ascontiguousarray(resize_images(converted, request.image_size)),
        labels.astype(np.int64),
    )


def _too_few(request: Request, labels: Labels) -> Problem:
    rule = "every class needs at least 2 training images, one of them for validation"
    if request.limit is not None and np.bincount(labels)[np.unique(labels)].min() >= 2:
        need = f"at least {2 * len(np.unique(labels))}, better several times that"
        return Problem("limit", rule, request.limit, f"use {need}")
    return Problem("data", rule, request.name, "add images to the smallest class")
