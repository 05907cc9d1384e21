import numpy as np
import pytest
from PIL import Image

from archsearch.data.array_resizing import channel_statistics, convert_channels, resize_images


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 3, 12, 12), dtype=np.uint8)


@pytest.mark.parametrize("side", [5, 12, 32])
def test_resize_matches_pillow(pixels, side):
    resized = resize_images(pixels, side)
    assert resized.dtype == np.uint8
    for image, original in zip(resized, pixels, strict=True):
        expected = Image.fromarray(original.transpose(1, 2, 0)).resize(
            (side, side), Image.Resampling.BILINEAR
        )
        difference = image.transpose(1, 2, 0).astype(int) - np.asarray(expected)
        # Pillow computes in 8-bit fixed point, in two passes
        assert np.abs(difference).max() <= 1


def test_luma_matches_pillow(pixels):
    grey = convert_channels(pixels, 1)
    for image, original in zip(grey, pixels, strict=True):
        expected = Image.fromarray(original.transpose(1, 2, 0)).convert("L")
        np.testing.assert_array_equal(image[0], np.asarray(expected))


def test_grey_to_colour_repeats(pixels):
    colour = convert_channels(pixels[:, :1], 3)
    np.testing.assert_array_equal(colour, pixels[:, [0, 0, 0]])


def test_statistics_match_numpy(pixels):
    mean, std = channel_statistics(pixels)
    np.testing.assert_allclose(mean, (pixels / 255).mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(std, (pixels / 255).std(axis=(0, 2, 3)), rtol=1e-10)


def test_statistics_of_constant_images_can_divide():
    _, std = channel_statistics(np.full((2, 1, 4, 4), 7, np.uint8))
    assert std == (1e-3,)
