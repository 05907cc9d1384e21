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

    def take(self, indices: Indices) -> "Labelled":
        """Return the images at ``indices``."""
        return Labelled(self.pixels[indices], self.labels[indices])


def splits_from_arrays(
    request: Request, train: Labelled, test: Labelled, class_names: tuple[str, ...]
) -> DataSplits:
    """Hold a validation split out of ``train`` and adapt all images to the request.

    Raises:
        InputError: a class or the limit is too small.
    """
    kept, held = choose_validation(request, train.labels, class_names)
    places = (
        "training images",
        held_out(request, "of them", len(kept), len(held)),
        "test images",
    )
    return _assembled(request, (train.take(kept), train.take(held), test), class_names, places)


def splits_from_parts(
    request: Request,
    parts: tuple[Labelled, Labelled, Labelled],
    class_names: tuple[str, ...],
    places: tuple[str, str, str],
) -> DataSplits:
    """Adapt images that come in three splits to the request.

    Args:
        request: its limit counts the images to train and to validate on together.
        parts: images to train on, to validate on, and to test on.
        class_names: by class index.
        places: where each of them comes from.

    Raises:
        InputError: the limit is too small.
    """
    train, val, test = parts
    kept, held = limit_both(request, train.labels, val.labels)
    return _assembled(request, (train.take(kept), val.take(held), test), class_names, places)


def limit_both(request: Request, train: Labels, val: Labels) -> tuple[Indices, Indices]:
    """Return the indices of as many images as the limit allows, of both splits in proportion.

    Raises:
        InputError: the limit is less than one a class in each.
    """
    total, limit = len(train) + len(val), request.limit
    if limit is None or limit >= total:
        return np.arange(len(train), dtype=np.int64), np.arange(len(val), dtype=np.int64)
    least = [len(np.unique(labels)) for labels in (train, val)]
    if limit < sum(least):
        raise InputError(limit_problem(limit, least[0]))
    share = round(limit * len(train) / total)
    count = min(max(share, least[0], limit - len(val)), limit - least[1], len(train))
    rng = request.rng()
    return draw(train, count, rng), draw(val, limit - count, rng)


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


def _assembled(
    request: Request,
    parts: tuple[Labelled, Labelled, Labelled],
    class_names: tuple[str, ...],
    places: tuple[str, str, str],
) -> DataSplits:
    train, val, test = (_fit(request, part) for part in parts)
    mean, std = channel_statistics(train.pixels)
    return DataSplits(
        train=train,
        val=val,
        test=test,
        num_classes=len(class_names),
        in_channels=train.pixels.shape[1],
        image_size=request.image_size,
        name=request.name,
        class_names=class_names,
        places=places,
        mean=mean,
        std=std,
    )


def _fit(request: Request, images: Labelled) -> ArraySplit:
    converted = convert_channels(images.pixels, request.channels or images.pixels.shape[1])
    return ArraySplit(
        np.ascontiguousarray(resize_images(converted, request.image_size)),
        images.labels.astype(np.int64),
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
