import numpy as np
import pytest
from PIL import Image

from archsearch.data.decode import decode_image, is_grey

RAMP = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.fromarray(RAMP), RAMP),
        (Image.fromarray(RAMP.astype(np.uint16) * 256 + 17), RAMP),
        (Image.fromarray(RAMP.astype(np.int32)), RAMP),
        (Image.fromarray(RAMP > 100), np.where(RAMP > 100, 255, 0)),
        (Image.fromarray(np.stack([RAMP, np.full_like(RAMP, 9)], -1), "LA"), RAMP),
    ],
    ids=["8 bit", "16 bit", "32 bit", "1 bit", "grey with alpha"],
)
def test_grey_files(tmp_path, image, expected):
    path = str(tmp_path / "image.tiff")
    image.save(path)
    np.testing.assert_array_equal(decode_image(path, 8, 1)[0], expected)
    np.testing.assert_array_equal(decode_image(path, 8, 3), np.stack([expected] * 3))


def test_palette_with_transparency(tmp_path):
    path = str(tmp_path / "image.png")
    image = Image.fromarray(RAMP // 64).convert("P")
    image.putpalette([0, 0, 0, 10, 20, 30, 40, 50, 60, 70, 80, 90] + [0] * 756)
    image.save(path, transparency=bytes([0, 255, 128, 255]))
    decoded = decode_image(path, 8, 3)
    np.testing.assert_array_equal(decoded[:, 7, 7], [70, 80, 90])
    assert not is_grey(path)


def test_cmyk(tmp_path):
    path = str(tmp_path / "image.jpg")
    Image.fromarray(np.zeros((8, 8, 4), np.uint8), "CMYK").save(path)
    assert decode_image(path, 8, 3).min() > 250


def test_large_jpeg_is_near_the_exact_resize(tmp_path):
    rng = np.random.default_rng(0)
    smooth = Image.fromarray(rng.integers(0, 256, (8, 12, 3), dtype=np.uint8))
    path = str(tmp_path / "image.jpg")
    smooth.resize((600, 400), Image.Resampling.BICUBIC).save(path, quality=95)
    with Image.open(path) as image:
        exact = image.crop((100, 0, 500, 400)).resize((32, 32), Image.Resampling.BILINEAR)
    difference = decode_image(path, 32, 3).transpose(1, 2, 0).astype(int) - np.asarray(exact)
    assert np.abs(difference).mean() < 2
