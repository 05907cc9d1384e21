"""Cluttered digits: scikit-learn's digits, turned and shifted among pieces of others.

A harder data set of the same source, after the cluttered MNIST of Mnih et al. 2014 ("Recurrent
models of visual attention"): nothing to download, and enough to learn that a slower network pays.
"""

import math
from dataclasses import astuple, dataclass

import numpy as np

from archsearch.data.array_splits import Labelled, splits_from_parts
from archsearch.data.digits import CLASS_NAMES, read_digits
from archsearch.data.image_cache import Kept, read_cache, write_cache
from archsearch.data.image_warp import SCALE_STEPS, TURN_STEPS, warp
from archsearch.data.request import Request
from archsearch.data.splits import DataSplits, Indices, Labels, Pixels
from archsearch.data.stratification import hold_out

# part of the fingerprint: add one when the same numbers make other images
_VERSION = 1
_CHUNK = 1000
_VALIDATION_SHARE = 0.2


@dataclass(frozen=True)
class Clutter:
    """How the images are made; lengths in pixels of the canvas.

    Attributes:
        images: to train on, to validate on, and to test on.
        canvas: side of the images.
        scales: smallest and largest scale of the digit, in steps of 1/16 px a source pixel.
        turn: most that the digit is turned, in steps of `TURN_STEPS`.
        shift: most that its centre lies off that of the canvas, each way.
        pieces: pieces of other digits in an image, turned by any angle up to a right one.
        piece: side of a piece in source pixels.
        piece_scales: as ``scales``.
    """

    images: tuple[int, int, int] = (2000, 600, 1000)
    canvas: int = 32
    scales: tuple[int, int] = (40, 52)
    turn: int = 12
    shift: int = 3
    pieces: int = 5
    piece: int = 4
    piece_scales: tuple[int, int] = (28, 40)


CLUTTER = Clutter()


def load(request: Request) -> DataSplits:
    """Return the cluttered digits; the test split is the same for every seed.

    Every source digit is in the images of one split only, its pieces included.

    Raises:
        InputError: the limit is too small.
    """
    train, val, test = _made(request.seed)
    return splits_from_parts(
        request,
        (train, val, test),
        CLASS_NAMES,
        (
            "drawn",
            f"of other digits, seed {request.seed}",
            "of others again, the same for every seed",
        ),
    )


def split_sources(seed: int) -> tuple[Labelled, Labelled, Labelled]:
    """Return the digits that images to train on, validate on and test on are made of."""
    digits = read_digits()
    kept, held = hold_out(digits.rest.labels, _VALIDATION_SHARE, np.random.default_rng(seed))
    return digits.rest.take(kept), digits.rest.take(held), digits.test


def draw_scenes(sources: Labelled, count: int, rng: np.random.Generator, how: Clutter) -> Labelled:
    """Draw ``count`` images of the digits in ``sources``, equally many of each class.

    Args:
        sources: digits, (N, 1, H, W), each used about as often as any other of its class.
        count: number of images.
        rng: of everything that is drawn.
        how: see there.

    Returns:
        pixels (count, 1, canvas, canvas) and labels, in random order.
    """
    chosen = _balanced(sources.labels, count, rng)
    pixels = sources.pixels[:, 0]
    canvases = [
        _draw(pixels, chosen[start : start + _CHUNK], rng, how) for start in range(0, count, _CHUNK)
    ]
    return Labelled(np.concatenate(canvases)[:, None], sources.labels[chosen])


def _made(seed: int) -> list[Labelled]:
    """Return the images of each split, drawn now or by an earlier run."""
    key = f"cluttered-digits:{seed}"
    fingerprint = f"{_VERSION}: {astuple(CLUTTER)}"
    kept = read_cache(key, fingerprint)
    if kept is None:
        # the same test images for every seed
        generators = [np.random.default_rng([part, seed]) for part in range(2)]
        generators.append(np.random.default_rng(2))
        made = [
            draw_scenes(sources, count, rng, CLUTTER)
            for sources, count, rng in zip(
                split_sources(seed), CLUTTER.images, generators, strict=True
            )
        ]
        labels = np.concatenate([part.labels for part in made]).tolist()
        pixels = np.concatenate([part.pixels for part in made])
        kept = Kept(pixels, {"labels": labels})
        write_cache(key, fingerprint, kept)
    ends = np.cumsum(CLUTTER.images)[:-1]
    every = np.asarray(kept.about["labels"], np.int64)
    parts = zip(np.split(kept.pixels, ends), np.split(every, ends), strict=True)
    return [Labelled(*part) for part in parts]


def _balanced(labels: Labels, count: int, rng: np.random.Generator) -> Indices:
    """Return ``count`` indices in random order, as many of each class as of any other."""
    classes = np.unique(labels)
    quotas = np.bincount(np.arange(count) % len(classes), minlength=len(classes))
    chosen = [
        np.resize(rng.permutation(np.flatnonzero(labels == label)), quota)
        for label, quota in zip(classes, quotas, strict=True)
    ]
    return rng.permutation(np.concatenate(chosen)).astype(np.int64)


def _draw(digits: Pixels, chosen: Indices, rng: np.random.Generator, how: Clutter) -> Pixels:
    """Return canvases (B, S, S): pieces of any digits first, then the chosen ones."""
    count = len(chosen)
    reach = how.canvas // 2
    margin = how.canvas
    canvases = np.zeros((count, how.canvas + 2 * margin, how.canvas + 2 * margin), np.uint8)
    for _ in range(how.pieces):
        pieces = _cut(digits[rng.integers(0, len(digits), count)], how.piece, rng)
        warped = _warped(pieces, how.piece_scales, TURN_STEPS, rng)
        _lay(canvases, warped, rng.integers(-reach, reach + 1, (2, count)))
    warped = _warped(digits[chosen], how.scales, how.turn, rng)
    _lay(canvases, warped, rng.integers(-how.shift, how.shift + 1, (2, count)))
    return np.ascontiguousarray(canvases[:, margin:-margin, margin:-margin])


def _cut(digits: Pixels, side: int, rng: np.random.Generator) -> Pixels:
    """Return a square of ``side`` pixels of each digit, from anywhere in it."""
    count = len(digits)
    height, width = digits.shape[1:]
    top = rng.integers(0, height - side + 1, count)
    left = rng.integers(0, width - side + 1, count)
    places = np.arange(side)
    image = np.arange(count)[:, None, None]
    rows, columns = (top[:, None] + places)[:, :, None], (left[:, None] + places)[:, None, :]
    cut: Pixels = digits[image, rows, columns]
    return cut


def _warped(
    sprites: Pixels, scales: tuple[int, int], turn: int, rng: np.random.Generator
) -> Pixels:
    """Scale and turn each sprite at random; the result is large enough for all of it."""
    count = len(sprites)
    height, width = sprites.shape[1:]
    # the diagonal, with the border that fades
    squared = ((height + 1) ** 2 + (width + 1) ** 2) * scales[1] ** 2 // SCALE_STEPS**2
    side = math.isqrt(squared) + 1
    drawn_scales = rng.integers(scales[0], scales[1] + 1, count)
    return warp(sprites, side, drawn_scales, rng.integers(-turn, turn + 1, count))


def _lay(canvases: Pixels, sprites: Pixels, shifts: Indices) -> None:
    """Put sprite i on canvas i, the brighter pixel wins.

    Args:
        canvases: (B, S, S), changed.
        sprites: (B, side, side).
        shifts: (2, B), of the sprite's centre from that of the canvas, down and to the right.
    """
    count, side = sprites.shape[:2]
    corner = (canvases.shape[1] - side) // 2
    places = np.arange(side)
    rows = (corner + shifts[0][:, None] + places)[:, :, None]
    columns = (corner + shifts[1][:, None] + places)[:, None, :]
    image = np.arange(count)[:, None, None]
    canvases[image, rows, columns] = np.maximum(canvases[image, rows, columns], sprites)
