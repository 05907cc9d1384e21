"""Images of any shape and with any number of channels."""

import numpy as np
import pytest
from PIL import Image

from archsearch.data import describe_data, load_data
from archsearch.data.image_decoder import decode_image
from archsearch.errors import InputError
from archsearch.train import default_augmentation
from tests.data.image_files import png

RNG = np.random.default_rng(3)


def noise(*shape, dtype=np.uint8):
    return RNG.integers(0, np.iinfo(dtype).max + 1, shape, dtype)


@pytest.fixture
def save(tmp_path):
    def write(array, name="x.png", **options):
        path = tmp_path / name
        if name.endswith(".npy"):
            np.save(path, array)
        else:
            Image.fromarray(array).save(path, **options)
        return str(path)

    return write


@pytest.fixture
def folder(tmp_path):
    """Make a folder of two classes; ``make(label, number)`` returns an array of each image."""

    def build(make, ending, count=8):
        for label, name in enumerate(("dry", "wet")):
            (tmp_path / "set" / name).mkdir(parents=True)
            for number in range(count):
                array, path = make(label, number), tmp_path / "set" / name / f"{number}{ending}"
                if ending == ".npy":
                    np.save(path, array)
                else:
                    Image.fromarray(array).save(path)
        return f"folder:{tmp_path / 'set'}"

    return build


def cropped(band, height, width):
    """Cut and scale a band with Pillow's crop, which takes whole pixels."""
    image = Image.fromarray(band)
    share = min(image.width / width, image.height / height)
    across, down = share * width, share * height
    left, top = (image.width - across) / 2, (image.height - down) / 2
    assert all(each == int(each) for each in (left, top, across, down)), "choose other sizes"
    part = image.crop((int(left), int(top), int(left + across), int(top + down)))
    return np.asarray(part.resize((width, height), Image.Resampling.BILINEAR))


@pytest.mark.parametrize(
    ("stored", "size"),
    [
        ((24, 40), (12, 20)),  # of the same shape
        ((30, 40), (12, 20)),  # too high
        ((24, 60), (12, 20)),  # too wide
        ((40, 24), (20, 12)),
        ((6, 14), (12, 20)),  # enlarged
    ],
)
def test_the_largest_centred_part_of_the_shape_is_scaled(save, stored, size):
    array = noise(*stored)
    # at the border of the part, pixels beyond it take part
    inside = (slice(2, -2), slice(2, -2))
    expected = cropped(array, *size)[inside]
    for name in ("x.png", "x.npy"):
        found = decode_image(save(array, name), size, 1)
        assert found.shape == (1, *size)
        assert np.abs(found[0][inside].astype(int) - expected).max() <= 1
    colour = decode_image(save(np.stack([array] * 3, axis=2)), size, 3)
    assert np.abs(colour[:, *inside].astype(int) - expected).max() <= 1


def test_an_image_of_the_size_is_not_touched(save):
    array = noise(12, 20, 3)
    for name in ("x.png", "x.npy"):
        assert np.array_equal(
            decode_image(save(array, name), (12, 20), 3), array.transpose(2, 0, 1)
        )


def test_a_photograph_that_lies_on_its_side(save):
    """A large JPEG is decoded at a fraction of its size, which must suit it once it is turned."""
    ramp = np.linspace(0, 255, 640).astype(np.uint8)
    upright = np.stack([np.tile(ramp, (384, 1))] * 3, axis=2)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by a quarter to the right
    lying = save(np.ascontiguousarray(np.rot90(upright)), "x.jpg", exif=exif, quality=95)
    expected = decode_image(save(upright), (48, 80), 3)
    found = decode_image(lying, (48, 80), 3)
    assert np.abs(found.astype(int) - expected).max() <= 6


def test_four_channels_are_taken_as_they_are(save):
    array = noise(12, 20, 4)
    array[:6, :, 3] = 0
    expected = array.transpose(2, 0, 1)
    for name in ("x.png", "x.npy", "x.tiff"):
        assert np.array_equal(decode_image(save(array, name), (12, 20), 4), expected)
    scaled = decode_image(save(array), (6, 10), 4)
    for band in range(4):  # colour is not weighed by opacity
        alone = cropped(np.ascontiguousarray(array[..., band]), 6, 10)
        assert np.abs(scaled[band].astype(int) - alone).max() <= 1
    # with three channels it is laid on white, as ever
    assert (decode_image(save(array), (12, 20), 3)[:, :6] == 255).all()


def test_grey_with_opacity_has_two_channels(save):
    array = noise(12, 20, 2)
    assert np.array_equal(decode_image(save(array), (12, 20), 2), array.transpose(2, 0, 1))


def test_sixteen_bits_and_four_channels(tmp_path):
    array = noise(12, 20, 4, dtype=np.uint16)
    array[0, 0], array[0, 1] = 65535, 0
    path = tmp_path / "x.png"
    path.write_bytes(png(array, 16, 6))
    found = decode_image(str(path), (12, 20), 4)
    expected = np.rint(array * (255 / 65535)).transpose(2, 0, 1)
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("channels", [2, 5, 12])
def test_arrays_have_any_number_of_channels(save, channels):
    array = noise(9, 15, channels)
    found = decode_image(save(array, "x.npy"), (9, 15), channels)
    assert np.array_equal(found, array.transpose(2, 0, 1))


def test_arrays_of_other_kinds(save):
    values = noise(9, 15, 5, dtype=np.uint16)
    values[0, 0] = 65535
    expected = np.rint(values * (255 / 65535)).transpose(2, 0, 1)
    assert np.array_equal(decode_image(save(values, "a.npy"), (9, 15), 5), expected)
    floats = values.astype(np.float32) / 65535
    assert np.array_equal(decode_image(save(floats, "b.npy"), (9, 15), 5), expected)
    mask = values > 30000
    found = decode_image(save(mask, "c.npy"), (9, 15), 5)
    assert np.array_equal(found, 255 * mask.transpose(2, 0, 1))
    grey = noise(9, 15)
    assert np.array_equal(decode_image(save(grey, "d.npy"), (9, 15), 3), np.stack([grey] * 3))


@pytest.mark.parametrize("memory", [1 << 30, 1])
@pytest.mark.parametrize("ending", [".png", ".npy"])
def test_a_folder_of_four_channels(folder, ending, memory):
    def make(label, number):
        array = noise(12, 20, 4)
        array[..., 3] = 40 + 100 * label + number
        return array

    name = folder(make, ending)
    channels = None if ending == ".npy" else 4  # arrays say it themselves
    data = load_data(name, image_size=[12, 20], channels=channels, in_memory_bytes=memory)
    assert (data.in_channels, data.image_size) == (4, (12, 20))
    pixels = data.train.batch(np.arange(len(data.train)))
    assert pixels.shape[1:] == (4, 12, 20)
    np.testing.assert_allclose(data.mean, (pixels / 255).mean(axis=(0, 2, 3)), atol=1e-12)
    np.testing.assert_allclose(data.std, (pixels / 255).std(axis=(0, 2, 3)), atol=1e-12)
    assert ((pixels[:, 3, 0, 0] >= 140) == (data.train.labels == 1)).all()
    augmentation = default_augmentation(data)
    assert (augmentation.translate, augmentation.flip) == (1, True)
    assert "at 12x20 px" in describe_data(data)[0]


@pytest.mark.parametrize("memory", [1 << 30, 1])
def test_images_with_other_channels_are_listed(folder, memory):
    name = folder(lambda label, number: noise(12, 20, 3), ".png")
    with pytest.raises(InputError) as caught:
        load_data(name, image_size=12, channels=4, in_memory_bytes=memory)
    problem = caught.value.problems[0]
    assert problem.rule == "must have 4 channels like the data set, but has 3"
    assert "--channels" in problem.remedy


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (noise(4, 20, 30), "channels are the last axis, this array has 4 x 20 x 30"),
        (
            noise(2, 3, 4, 5),
            "an image is an array of H x W or H x W x C, this one has 2 x 3 x 4 x 5",
        ),
        (np.zeros(0), "an image is an array of H x W or H x W x C, this one has 0"),
        (np.array(["a"]), "an array of numbers is needed"),
    ],
)
def test_arrays_that_are_no_images(save, array, reason):
    with pytest.raises(InputError) as caught:
        decode_image(save(array, "x.npy"), 8, 3)
    (problem,) = caught.value.problems
    assert problem.rule == f"cannot be read as an image ({reason})"
    assert problem.file.endswith("x.npy")


def test_damaged_arrays(tmp_path):
    for content in (b"", b"\x93NUMPY", b"PK\3\4", b"words"):
        (tmp_path / "x.npy").write_bytes(content)
        with pytest.raises(InputError, match="no array, or a damaged one"):
            decode_image(str(tmp_path / "x.npy"), 8, 3)


def stretching(before, after):
    """Return the matrix that interpolates between the centres of pixels."""
    places = (np.arange(after) + 0.5) * before / after - 0.5
    return np.stack([np.interp(places, range(before), row) for row in np.eye(before)], axis=1)


def test_embedded_images_are_stretched():
    square, wide = (load_data("digits", image_size=size, limit=40) for size in (16, (16, 48)))
    assert wide.train.pixels.shape[1:] == (1, 16, 48)
    assert wide.image_size == (16, 48)
    narrow = load_data("digits", image_size=8, limit=40).train.pixels[:, 0].astype(float)
    for data, width in ((square, 16), (wide, 48)):
        expected = stretching(8, 16) @ narrow @ stretching(8, width).T
        assert np.abs(data.train.pixels[:, 0] - expected).max() <= 0.51


def test_what_becomes_of_large_files_is_said(folder):
    name = folder(lambda label, number: noise(48, 100, 3), ".png")
    (note,) = load_data(name, image_size=(24, 40)).notes
    assert "100 x 48 px" in note
    assert "they are scaled down to 24x40 px" in note
    assert "what is outside the centre of that shape is cut off" in note
    assert not load_data(name, image_size=(48, 100)).notes


def test_embedded_sets_have_one_or_three_channels():
    with pytest.raises(InputError, match="grey"):
        load_data("digits", image_size=8, channels=4)
