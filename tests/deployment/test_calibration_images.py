"""Calibration images come from the training split, spread over the classes, always the same."""

import numpy as np
import pytest

from archsearch import load_data
from archsearch.data import ArraySplit
from archsearch.deployment.calibration_images import with_calibration_images


@pytest.fixture(scope="module")
def data():
    return load_data("digits", image_size=32)


def test_images_of_the_training_split_are_spread_over_the_classes(data):
    found = with_calibration_images(data, 50).train
    assert isinstance(found, ArraySplit)
    counts = np.bincount(found.labels, minlength=10)
    assert counts.sum() == 50
    assert counts.min() >= 4
    everything = {image.tobytes() for image in data.train.batch(np.arange(len(data.train)))}
    assert {image.tobytes() for image in found.pixels} <= everything


def test_the_choice_is_repeatable_and_leaves_the_rest(data):
    first, second = with_calibration_images(data, 30), with_calibration_images(data, 30)
    np.testing.assert_array_equal(first.train.pixels, second.train.pixels)
    assert first.val is data.val
    assert first.mean == data.mean


def test_small_sets_are_used_whole(data):
    small = load_data("digits", image_size=8, limit=60)
    assert len(with_calibration_images(small).train) == len(small.train) < 60
