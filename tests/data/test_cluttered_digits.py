"""The drawn data set: the same bytes everywhere, no digit in two splits, hard but learnable."""

import hashlib
import multiprocessing
import time

import numpy as np
import pytest
import torch
from sklearn.linear_model import RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from archsearch.data import describe_data, load_data
from archsearch.data.array_resizing import resize_images
from archsearch.data.array_splits import Labelled
from archsearch.data.cluttered_digits import CLUTTER, Clutter, draw_scenes, split_sources
from archsearch.errors import InputError
from archsearch.resources import cache_dir

SIZES = CLUTTER.images
#: of pixels and labels of the three splits with seed 0; another digest is another data set
DIGEST = "6ddc9c61bef6ac6e"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("ARCHSEARCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield load_data("cluttered-digits", image_size=CLUTTER.canvas)


@pytest.fixture
def small(monkeypatch):
    """Fewer images, for tests of the cache."""
    few = Clutter(images=(100, 50, 50))
    monkeypatch.setattr("archsearch.data.cluttered_digits.CLUTTER", few)
    return load_data("cluttered-digits", image_size=few.canvas)


def digest(data) -> str:
    found = hashlib.sha256()
    for split in (data.train, data.val, data.test):
        found.update(split.pixels.tobytes())
        found.update(split.labels.tobytes())
    return found.hexdigest()[:16]


def rows(part: Labelled) -> set[bytes]:
    return {image.tobytes() for image in part.pixels}


def test_sizes(data):
    splits = (data.train, data.val, data.test)
    assert tuple(map(len, splits)) == SIZES
    side = CLUTTER.canvas
    assert data.train.pixels.shape == (SIZES[0], 1, side, side)
    assert data.train.pixels.dtype == np.uint8
    assert data.class_names == tuple("0123456789")
    assert (data.in_channels, data.num_classes, data.image_size) == (1, 10, side)


def test_the_same_bytes_on_every_machine(data):
    assert digest(data) == DIGEST


def test_every_class_is_as_large(data):
    for split in (data.train, data.val, data.test):
        assert np.bincount(split.labels).tolist() == [len(split) // 10] * 10


@pytest.mark.parametrize("seed", range(3))
def test_no_digit_is_in_two_splits(seed):
    parts = split_sources(seed)
    digits = load_data("digits", image_size=8)
    everything = [digits.train, digits.val, digits.test]
    assert sum(len(part.labels) for part in parts) == sum(map(len, everything))
    assert sorted(image.tobytes() for part in parts for image in part.pixels) == sorted(
        image.tobytes() for split in everything for image in split.pixels
    )
    # no two of the 1,797 images are equal, so none is in two parts
    assert sum(len(rows(part)) for part in parts) == 1797
    assert rows(parts[2]) == {image.tobytes() for image in digits.test.pixels}


def test_images_hold_nothing_but_the_digits_given():
    """Each source in a grey of its own: no other value can appear without interpolation."""
    pixels = np.stack([np.full((1, 8, 8), 100 + index, np.uint8) for index in range(10)])
    drawn = draw_scenes(Labelled(pixels, np.arange(10)), 50, np.random.default_rng(0), CLUTTER)
    centre = CLUTTER.canvas // 2
    assert drawn.pixels.max() <= 109
    # the flat inside of the digit, or of a brighter piece on it
    assert (drawn.pixels[:, 0, centre, centre] >= 100 + drawn.labels).all()


def test_each_source_is_used_as_often_as_its_class_allows():
    """Sources that are their own number show which was drawn."""
    values = np.arange(40, dtype=np.uint8) + 50
    pixels = np.broadcast_to(values[:, None, None, None], (40, 1, 8, 8))
    labels = np.arange(40) % 10
    no_pieces = Clutter(pieces=0)
    drawn = draw_scenes(Labelled(pixels, labels), 800, np.random.default_rng(0), no_pieces)
    counts = np.bincount(drawn.pixels.reshape(800, -1).max(axis=1), minlength=90)[50:]
    assert counts.tolist() == [20] * 40


def test_seed_moves_training_and_validation_but_never_test(data):
    other = load_data("cluttered-digits", image_size=CLUTTER.canvas, seed=1)
    np.testing.assert_array_equal(other.test.pixels, data.test.pixels)
    np.testing.assert_array_equal(other.test.labels, data.test.labels)
    for ours, theirs in ((data.train, other.train), (data.val, other.val)):
        assert not np.array_equal(ours.pixels, theirs.pixels)


def test_another_size_is_the_same_images_scaled(data):
    small = load_data("cluttered-digits", image_size=16, channels=3)
    expected = np.repeat(resize_images(data.val.pixels, 16), 3, axis=1)
    np.testing.assert_array_equal(small.val.pixels, expected)


def test_limit_counts_training_and_validation(data):
    few = load_data("cluttered-digits", image_size=32, limit=500)
    total = SIZES[0] + SIZES[1]
    assert len(few.train) == pytest.approx(500 * SIZES[0] / total, abs=1)
    assert len(few.train) + len(few.val) == 500
    assert len(few.test) == SIZES[2]
    assert {image.tobytes() for image in few.val.pixels} <= {
        image.tobytes() for image in data.val.pixels
    }
    with pytest.raises(InputError, match="at least 20"):
        load_data("cluttered-digits", image_size=32, limit=19)


def test_the_first_line_says_what_the_images_are(data):
    (line,) = describe_data(data)
    assert line.startswith(f"data: cluttered-digits, {sum(SIZES):,} images of 10 classes at")
    assert "of other digits" in line


def kept_file():
    (file,) = (cache_dir() / "decoded").iterdir()
    return file


def test_the_second_time_reads_what_the_first_has_drawn(monkeypatch, small):
    monkeypatch.setattr(
        "archsearch.data.cluttered_digits.draw_scenes", lambda *_: pytest.fail("drawn again")
    )
    assert digest(load_data("cluttered-digits", image_size=32)) == digest(small)


DAMAGES = {
    "empty": lambda whole: b"",
    "cut": lambda whole: whole[: len(whole) // 2],
    "a byte changed": lambda whole: (
        whole[: len(whole) // 2]
        + bytes([whole[len(whole) // 2] ^ 1])
        + whole[len(whole) // 2 + 1 :]
    ),
    "text": lambda whole: b"no images",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_cache_is_drawn_again(damage, small, caplog):
    whole = kept_file().read_bytes()
    kept_file().write_bytes(damage(whole))
    assert digest(load_data("cluttered-digits", image_size=32)) == digest(small)
    assert "will be rebuilt" in caplog.text
    assert kept_file().read_bytes() == whole


def test_a_cache_of_other_numbers_is_drawn_again(small, monkeypatch):
    load_data("cluttered-digits", image_size=32)
    monkeypatch.setattr("archsearch.data.cluttered_digits._VERSION", -1)
    whole = kept_file().read_bytes()
    load_data("cluttered-digits", image_size=32)
    assert kept_file().read_bytes() != whole


def test_a_cache_that_cannot_be_written_is_only_slower(small, monkeypatch, tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ARCHSEARCH_CACHE", str(tmp_path / "file"))
    assert digest(load_data("cluttered-digits", image_size=32)) == digest(small)
    assert "not kept" in caplog.text


def load_at(start: float) -> str:
    time.sleep(max(0.0, start - time.monotonic()))
    return digest(load_data("cluttered-digits", image_size=32))


def test_two_processes_at_once(small):
    kept_file().unlink()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map(load_at, [time.monotonic() + 0.2] * 2, chunksize=1)
    assert found == [digest(small)] * 2
    assert kept_file().stat().st_size > 200 * CLUTTER.canvas**2


def test_raw_pixels_are_far_below_a_small_network(data):
    """What convolutions are for: the same digit elsewhere, and what is none of it."""
    train, test = (part.pixels.reshape(len(part), -1) / 255 for part in (data.train, data.test))
    nearest = KNeighborsClassifier(5).fit(train, data.train.labels)
    linear = RidgeClassifier(alpha=100.0).fit(train, data.train.labels)
    best = max(model.score(test, data.test.labels) for model in (nearest, linear))
    assert accuracy_of_a_small_network(data) > best + 0.15


def accuracy_of_a_small_network(data, epochs: int = 6) -> float:
    """Train three convolutions and a linear layer for some seconds."""
    torch.manual_seed(0)
    layers = []
    for before, after in ((1, 16), (16, 32), (32, 64)):
        conv = nn.Conv2d(before, after, 3, 2, 1, bias=False)
        layers += [conv, nn.BatchNorm2d(after), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 16, 10))
    images, labels = (torch.from_numpy(each) for each in (data.train.pixels, data.train.labels))
    steps = epochs * (len(labels) // 50)
    optimizer = torch.optim.AdamW(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps)
    for _ in range(epochs):
        for batch in torch.randperm(len(labels)).split(50):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[batch] / 255), labels[batch]).backward()
            optimizer.step()
            schedule.step()
    with torch.inference_mode():
        found = model.eval()(torch.from_numpy(data.test.pixels) / 255).argmax(1)
    return float((found.numpy() == data.test.labels).mean())
