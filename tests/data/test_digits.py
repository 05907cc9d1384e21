import pickle

import numpy as np
import pytest
from sklearn.datasets import load_digits

from archsearch.data import load_data
from archsearch.data.array_resizing import resize_images


def as_rows(split) -> set[bytes]:
    pairs = zip(split.pixels, split.labels, strict=True)
    return {pixels.tobytes() + bytes([label]) for pixels, label in pairs}


@pytest.fixture(scope="module")
def digits():
    return load_data("digits", image_size=16)


def test_shape_and_sizes(digits):
    sizes = [len(digits.train), len(digits.val), len(digits.test)]
    assert sum(sizes) == 1797
    assert digits.train.pixels.shape == (sizes[0], 1, 16, 16)
    assert digits.train.pixels.dtype == np.uint8
    assert digits.in_channels == 1
    assert digits.num_classes == 10
    assert digits.class_names == tuple("0123456789")


def test_all_images_appear_once(digits):
    data = load_digits()
    expected = resize_images(np.round(data.images * 255 / 16).astype(np.uint8)[:, None], 16)
    everything = np.concatenate([digits.train.pixels, digits.val.pixels, digits.test.pixels])
    found = sorted(image.tobytes() for image in everything)
    assert found == sorted(image.tobytes() for image in expected)


def test_splits_are_disjoint_and_stratified(digits):
    rows = [as_rows(split) for split in (digits.train, digits.val, digits.test)]
    assert len(rows[0] | rows[1] | rows[2]) == sum(map(len, rows))
    for split in (digits.train, digits.val, digits.test):
        shares = np.bincount(split.labels) / len(split)
        assert np.abs(shares - 0.1).max() < 0.01


def test_seed_moves_validation_but_never_test(digits):
    other = load_data("digits", image_size=16, seed=1)
    again = load_data("digits", image_size=16, seed=0)
    np.testing.assert_array_equal(again.val.pixels, digits.val.pixels)
    assert as_rows(other.val) != as_rows(digits.val)
    np.testing.assert_array_equal(other.test.pixels, digits.test.pixels)


def test_limit_counts_training_and_validation():
    data = load_data("digits", image_size=8, limit=200)
    assert len(data.train) + len(data.val) == 200
    assert len(data.test) == 359
    assert np.bincount(data.val.labels, minlength=10).min() >= 1


def test_channels():
    assert load_data("digits", image_size=8, channels=3).train.pixels.shape[1] == 3


def test_pickles_without_copying(digits):
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(digits, protocol=5, buffer_callback=buffers.append)
    assert len(data) < 10_000
    again = pickle.loads(data, buffers=buffers)
    np.testing.assert_array_equal(again.train.pixels, digits.train.pixels)
    assert again.mean == digits.mean
