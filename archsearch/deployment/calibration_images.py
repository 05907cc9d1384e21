"""The training images that give the ranges of activations."""

import dataclasses

import numpy as np

from archsearch.data import ArraySplit, DataSplits

#: training images
NUM_IMAGES = 128


def with_calibration_images(data: DataSplits, count: int = NUM_IMAGES) -> DataSplits:
    """Return ``data`` with ``count`` of its training images, spread over the classes, as ``train``.

    The choice depends on the images' labels alone: equal data gives equal images.
    """
    labels = data.train.labels
    order = np.random.default_rng(0).permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    spread = np.linspace(0, len(by_class) - 1, min(count, len(by_class))).round().astype(np.int64)
    chosen = by_class[spread]
    images = ArraySplit(data.train.batch(chosen), labels[chosen])
    return dataclasses.replace(data, train=images)
