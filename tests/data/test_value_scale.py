"""One scale for all images of a data set."""

import numpy as np
import pytest
from PIL import Image

from archsearch.data import ValueRange, ValueScale, describe_data, load_data
from archsearch.data import folder_decoder as decoding_module
from archsearch.data.value_scale import Extent, decide_scale
from archsearch.errors import InputError

SIDE = 6
RNG = np.random.default_rng(5)


def values_up_to(high: float, dtype, low: float = 0.0) -> np.ndarray:
    values = low + RNG.random((SIDE, SIDE)) * (high - low)
    values[0, 0], values[0, 1] = low, high
    return values.astype(dtype)


@pytest.mark.parametrize(
    ("low", "high", "is_float", "black", "white"),
    [
        (0, 65535, False, 0, 65535),
        (17, 20000, False, 0, 65535),
        (0, 16383, False, 0, 16383),
        (0, 4095, False, 0, 4095),
        (200, 1100, False, 0, 4095),
        (0, 1000, False, 0, 1023),
        (0, 255, False, 0, 255),
        (0, 100, False, 0, 255),
        (0, 9, False, 0, 9),
        (0, 1, False, 0, 1),
        (-1024, 3071, False, -1024, 3071),
        (0, 2**32 - 1, False, 0, 2**32 - 1),
        (5, 70000, False, 5, 70000),
        (0, 1, True, 0, 1),
        (0.2, 0.9, True, 0, 1),
        (0, 0.3, True, 0, 1),
        (0, 0.01, True, 0, 0.01),
        (0, 1.02, True, 0, 1.02),
        (-0.01, 1.02, True, -0.01, 1.02),
        (0, 255, True, 0, 255),
        (0, 65535, True, 0, 65535),
        (0.5, 12, True, 0.5, 12),
        (-1, 1, True, -1, 1),
        (0, 1e9, True, 0, 1e9),
    ],
)
def test_the_rule(low, high, is_float, black, white):
    # the extremes may lie in different images
    middle = (low + high) / 2
    scale = decide_scale([Extent(is_float, low, middle), Extent(is_float, middle, high)])
    decided = scale.floats if is_float else scale.integers
    assert decided == ValueRange(black, white)
    assert (scale.integers if is_float else scale.floats) is None
    assert ValueScale.from_dict(scale.to_dict()) == scale


def write_set(root, tops: dict[str, list[float]], dtype, suffix: str = ".tif"):
    """Write a folder whose images end at ``tops``; return the images by path."""
    written = {}
    for place, highs in tops.items():
        (root / place).mkdir(parents=True)
        for number, high in enumerate(highs):
            path = root / place / f"{number}{suffix}"
            written[path] = values_up_to(high, dtype)
            Image.fromarray(written[path]).save(path)
    return written


@pytest.mark.parametrize("memory", [1 << 30, 0], ids=["in memory", "from files"])
@pytest.mark.parametrize(
    ("dtype", "unit", "white", "suffix"),
    [
        (np.uint16, 4095, 4095, ".png"),
        (np.uint16, 65535, 65535, ".tif"),
        (np.uint16, 1023, 1023, ".tif"),
        (np.int32, 4000, 4095, ".tif"),
        (np.float32, 1.0, 1, ".tif"),
        (np.float32, 255.0, 255, ".tif"),
        (np.float32, 0.001, 0.001, ".tif"),
        (np.float32, 1.0, 1, ".pfm"),
    ],
)
def test_dark_stays_dark(tmp_path, dtype, unit, white, suffix, memory):
    """The brightest image is in val/: what is in train/ is scaled by it all the same."""
    tops = {
        "train/a": [0.06 * unit, 0.5 * unit],
        "train/b": [0.1 * unit, 0.9 * unit],
        "val/a": [0.3 * unit],
        "val/b": [unit],
    }
    written = write_set(tmp_path, tops, dtype, suffix)
    data = load_data(f"folder:{tmp_path}", image_size=SIDE, in_memory_bytes=memory)
    assert data.in_channels == 1
    decided = data.scale.floats if dtype is np.float32 else data.scale.integers
    assert decided is not None
    assert decided.black == 0
    assert decided.white == pytest.approx(white)
    for split, name in ((data.train, "train"), (data.val, "val")):
        paths = sorted(path for path in written if path.parts[-3] == name)
        expected = np.stack([written[path] / white * 255 for path in paths])
        pixels = split.batch(np.arange(len(split)))[:, 0].astype(float)
        assert np.abs(pixels - expected).max() <= 0.51
        # what is brighter in the files is brighter for the network
        means = [written[path].mean() for path in paths]
        assert np.argsort(means).tolist() == np.argsort(pixels.mean(axis=(1, 2))).tolist()
    assert any(f"0 becomes black and {decided.white:g} white" in line for line in data.notes)


def test_kinds_have_scales_of_their_own(tmp_path):
    write_set(tmp_path, {"train/a": [4000, 4095], "val/a": [3000], "val/b": [3000]}, np.uint16)
    write_set(tmp_path, {"train/b": [0.5, 1.0]}, np.float32)
    Image.fromarray(np.full((SIDE, SIDE), 77, np.uint8)).save(tmp_path / "train/b/eight.png")
    data = load_data(f"folder:{tmp_path}", image_size=SIDE)
    assert data.scale.to_dict() == {"integers": [0, 4095], "floats": [0, 1]}
    # bytes are bytes
    assert (data.train.pixels[-1] == 77).all()


@pytest.mark.parametrize("memory", [1 << 30, 0], ids=["in memory", "from files"])
def test_a_cache_keeps_the_scale(tmp_path, monkeypatch, memory):
    tops = {"train/a": [90, 4095], "train/b": [800, 70], "val/a": [60], "val/b": [60]}
    root = tmp_path / "set"
    write_set(root, tops, np.uint16)
    monkeypatch.setattr(decoding_module, "_PATIENCE_S", -1.0)
    first = load_data(f"folder:{root}", image_size=SIDE, in_memory_bytes=memory)
    for reader in ("decode_or_measure", "measure"):
        monkeypatch.setattr(decoding_module, reader, lambda *_: pytest.fail("read again"))
    again = load_data(f"folder:{root}", image_size=SIDE, in_memory_bytes=memory)
    assert again.scale == first.scale == ValueScale(ValueRange(0, 4095))
    assert describe_data(again) == describe_data(first)
    monkeypatch.undo()
    # what was kept by another version is decoded again
    monkeypatch.setenv("ARCHSEARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(decoding_module, "_VERSION", 1)
    monkeypatch.setattr(
        decoding_module, "measure", lambda *_: (True, RNG.integers(0, 9, (3, 1, 2)))
    )
    monkeypatch.setattr(
        decoding_module, "decode_or_measure", lambda *_: RNG.integers(0, 9, (1, SIDE, SIDE))
    )
    other = load_data(f"folder:{root}", image_size=SIDE, in_memory_bytes=memory)
    assert other.scale == ValueScale()


def test_values_that_are_no_numbers_are_said(tmp_path):
    written = write_set(
        tmp_path, {"train/a": [1, 1], "train/b": [1], "val/a": [1], "val/b": [1]}, np.float32
    )
    path, values = next(iter(written.items()))
    values[2, 2] = np.nan
    Image.fromarray(values).save(path)
    data = load_data(f"folder:{tmp_path}", image_size=SIDE)
    assert "warning: 1 images hold values that are no numbers: black" in data.notes
    assert data.train.pixels[0, 0, 2, 2] == 0


# --- what came out as one colour


@pytest.fixture
def refused(tmp_path):
    def problems(root, memory: int = 1 << 30) -> list[str]:
        with pytest.raises(InputError) as caught:
            load_data(f"folder:{root}", image_size=SIDE, in_memory_bytes=memory)
        return [str(problem).replace(str(root), "SET") for problem in caught.value.problems]

    return problems


def write_constant(root, counts: dict[str, tuple[int, object]], suffix=".png"):
    for place, (count, colour) in counts.items():
        (root / place).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            pixels = RNG.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
            if colour is not None:
                pixels[:] = colour
            Image.fromarray(pixels).save(root / place / f"{number}{suffix}")


@pytest.mark.parametrize("memory", [1 << 30, 0], ids=["in memory", "from files"])
@pytest.mark.parametrize("colour", [0, 255, 128, (10, 200, 30)])
def test_a_class_of_one_colour(tmp_path, refused, colour, memory):
    other = {"train/b": (9, None), "val/a": (2, None), "val/b": (2, None)}
    write_constant(tmp_path, {"train/a": (4, colour), **other})
    shown = ", ".join(map(str, np.broadcast_to(colour, 3)))
    assert refused(tmp_path, memory) == [
        f"SET: all images of class 'a' came out as one colour ({shown}): train/a/0.png, "
        "train/a/1.png, train/a/2.png, ...; look at the files; remove them, or save them as PNG"
    ]


def test_a_data_set_of_one_colour(tmp_path, refused):
    write_constant(
        tmp_path, {f"{split}/{name}": (3, 0) for split in ("train", "val") for name in "ab"}
    )
    assert refused(tmp_path) == [
        f"SET: all images came out as one colour (0, 0, 0): {split}/a/0.png, {split}/a/1.png, "
        f"{split}/a/2.png, ...; look at the files; remove them, or save them as PNG"
        for split in ("train", "val")
    ]


def test_a_class_of_one_colour_in_val(tmp_path, refused):
    other = {"train/a": (3, None), "train/b": (3, None), "val/b": (1, 0)}
    write_constant(tmp_path, {"val/a": (2, 0), **other})
    # one blank page is no sign of anything, two that are all of a class are
    (problem,) = refused(tmp_path)
    assert problem.startswith(
        "SET: all images of class 'a' came out as one colour (0, 0, 0): val/a/0.png"
    )


def test_some_blank_images_are_no_matter(tmp_path):
    other = {"train/b": (3, None), "val/a": (1, 0), "val/b": (1, None)}
    write_constant(tmp_path, {"train/a": (3, 0), **other})
    write_constant(tmp_path, {"train/a": (1, 255)}, ".bmp")
    assert len(load_data(f"folder:{tmp_path}", image_size=SIDE).train) == 7
