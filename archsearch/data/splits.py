"""Data sets as values: labelled images in three splits, ready to be cut into batches."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from archsearch.data.image_decoder import decode_image
from archsearch.data.teacher_outputs import TeacherOutputs
from archsearch.data.value_scale import NO_SCALE, ValueScale
from archsearch.errors import InputError, Problem
from archsearch.image_size import ImageSize, sides_of

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]
Indices = NDArray[np.int64]


class Split(ABC):
    """Labelled images of one size; picklable, and the same after pickling.

    Attributes:
        labels: class index of each image, (N,).
    """

    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)

    @abstractmethod
    def batch(self, indices: Indices) -> Pixels:
        """Return a fresh array (B, C, H, W) of the images at ``indices``."""


@dataclass(frozen=True, eq=False)
class ArraySplit(Split):
    """Images held as one array, which Ray's object store shares between workers.

    Attributes:
        pixels: (N, C, H, W).
        labels: (N,).
    """

    pixels: Pixels
    labels: Labels

    def batch(self, indices: Indices) -> Pixels:
        """Return a fresh array (B, C, H, W) of the images at ``indices``."""
        return np.take(self.pixels, indices, axis=0)


@dataclass(frozen=True, eq=False)
class FileSplit(Split):
    """Images that stay in their files and are decoded when a batch asks for them.

    Attributes:
        paths: image files.
        labels: (N,).
        image_size: to which images are scaled and cropped.
        channels: 1 for grey, 3 for colour, or as many as the files have.
        scale: of values with more than 8 bits.
    """

    paths: tuple[str, ...]
    labels: Labels
    image_size: ImageSize
    channels: int
    scale: ValueScale = NO_SCALE

    def batch(self, indices: Indices) -> Pixels:
        """Return a fresh array (B, C, H, W) of the images at ``indices``.

        Raises:
            InputError: an image cannot be read.
        """
        size = self.image_size
        pixels = np.empty((len(indices), self.channels, *sides_of(size)), np.uint8)
        for row, index in enumerate(indices):
            pixels[row] = decode_image(self.paths[index], size, self.channels, self.scale)
        return pixels


@dataclass(frozen=True, eq=False)
class DataSplits:
    """A data set in three splits: for training, for the search, and for the final report alone.

    Attributes:
        train: images to learn from.
        val: held out of training; accuracies of the search are taken here.
        test: touched by the final report only; None where there is no such split.
        num_classes: number of classes.
        in_channels: 1 for grey, 3 for colour images, or any other number.
        image_size: side of square images in pixels, or ``(height, width)``.
        name: as it was asked for.
        class_names: by class index.
        mean: of the training pixels scaled to 0..1, one value a channel.
        std: likewise.
        scale: how values with more than 8 bits became bytes.
        places: where the images of train, val and test come from, in a few words.
        notes: what the reader should know about the images, one line each.
        skipped: paths of image files that are not read here, and so are in no split.
        teacher: what a teacher says of the training images; None where there is none.
    """

    train: Split
    val: Split
    test: Split | None
    num_classes: int
    in_channels: int
    image_size: ImageSize
    name: str
    class_names: tuple[str, ...]
    mean: tuple[float, ...] = field(default=())
    std: tuple[float, ...] = field(default=())
    scale: ValueScale = NO_SCALE
    places: tuple[str, str, str] = field(default=("", "", ""))
    notes: tuple[str, ...] = field(default=())
    skipped: tuple[str, ...] = field(default=())
    teacher: TeacherOutputs | None = None

    def split(self, name: str) -> Split:
        """Return ``train``, ``val`` or ``test``.

        Raises:
            InputError: there is no test split.
        """
        found = {"train": self.train, "val": self.val, "test": self.test}[name]
        if found is None:
            rule = "has no test split"
            raise InputError(Problem("data", rule, self.name, "add a folder test/ beside train/"))
        return found
