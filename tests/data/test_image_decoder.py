import warnings

import numpy as np
import pytest
from PIL import Image

from archsearch.data.image_decoder import channels_of, decode_image
from archsearch.data.value_scale import ValueRange, ValueScale
from archsearch.errors import InputError
from tests.data.image_files import png, profile_of_swapped_primaries, tiff

RAMP = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.fromarray(RAMP), RAMP),
        (Image.fromarray(RAMP.astype(np.uint16) * 257), RAMP),
        (Image.fromarray(RAMP.astype(np.int32)), RAMP),
        (Image.fromarray(RAMP > 100), np.where(RAMP > 100, 255, 0)),
        (Image.merge("LA", [Image.fromarray(RAMP)] * 2), np.round(255 + RAMP * (RAMP / 255 - 1))),
    ],
    ids=["8 bit", "16 bit", "32 bit", "1 bit", "grey with alpha"],
)
def test_grey_stays_grey(tmp_path, image, expected):
    path = str(tmp_path / "image.tiff")
    image.save(path)
    assert channels_of(path) == 1
    decoded = decode_image(path, 8, 1)
    assert decoded.shape == (1, 8, 8)
    np.testing.assert_allclose(decoded[0], expected, atol=1)
    np.testing.assert_array_equal(decode_image(path, 8, 3), np.stack([decoded[0]] * 3))


def test_colour_to_grey_is_luma(tmp_path):
    path = str(tmp_path / "image.png")
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    assert channels_of(path) == 3
    expected = pixels @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(decode_image(path, 8, 1)[0], expected, atol=1)


def test_grey_of_a_profile(tmp_path):
    path = str(tmp_path / "image.png")
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, icc_profile=profile_of_swapped_primaries("gbr"))
    # what is stored first is green
    expected = pixels @ np.array([0.587, 0.114, 0.299])
    np.testing.assert_allclose(decode_image(path, 8, 1)[0], expected, atol=2)


def test_large_jpeg_is_near_the_exact_resize(tmp_path):
    rng = np.random.default_rng(0)
    smooth = Image.fromarray(rng.integers(0, 256, (8, 12, 3), dtype=np.uint8))
    path = str(tmp_path / "image.jpg")
    smooth.resize((600, 400), Image.Resampling.BICUBIC).save(path, quality=95)
    with Image.open(path) as image:
        exact = image.crop((100, 0, 500, 400)).resize((32, 32), Image.Resampling.BILINEAR)
    difference = decode_image(path, 32, 3).transpose(1, 2, 0).astype(int) - np.asarray(exact)
    assert np.abs(difference).mean() < 2


@pytest.mark.parametrize("size", [(1, 1), (3000, 2), (2, 3000), (1, 4000), (7, 7)])
@pytest.mark.parametrize("mode", ["RGB", "1", "I;16", "CMYK", "LA"])
def test_any_size(tmp_path, size, mode):
    path = str(tmp_path / "image.tif")
    Image.new(mode, size).save(path)
    assert decode_image(path, 8, 3).shape == (3, 8, 8)


def test_a_phone_picture_is_as_its_upright_copy(tmp_path):
    upright = Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8))
    exif = Image.Exif()
    exif[274] = 6
    upright.save(tmp_path / "upright.png")
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "phone.png", exif=exif)
    np.testing.assert_array_equal(
        decode_image(str(tmp_path / "phone.png"), 24, 3),
        decode_image(str(tmp_path / "upright.png"), 24, 3),
    )


def test_damaged_exif_leaves_the_picture(tmp_path):
    path = str(tmp_path / "image.png")
    Image.fromarray(RAMP).save(path, exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    np.testing.assert_array_equal(decode_image(path, 8, 1)[0], RAMP)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_the_scale_is_that_of_the_data_set(tmp_path, dtype):
    path = str(tmp_path / "image.tif")
    Image.fromarray(RAMP.astype(dtype)).save(path)
    ends = ValueRange(0, 1020)
    scale = ValueScale(ends, None) if dtype is np.uint16 else ValueScale(None, ends)
    np.testing.assert_array_equal(decode_image(path, 8, 1, scale)[0], np.round(RAMP / 4))


def test_what_is_no_number_is_black(tmp_path):
    values = np.where(RAMP == 8, np.nan, RAMP / 252).astype(np.float32)
    values[0, 0] = np.inf
    (tmp_path / "image.tif").write_bytes(tiff(values, 1))
    decoded = decode_image(str(tmp_path / "image.tif"), 8, 1)[0]
    assert decoded[0, 2] == 0
    assert decoded[0, 0] == decoded[-1, -1] == 255


# --- what cannot be right is refused


def refusals() -> dict[str, tuple[bytes, str]]:
    rng = np.random.default_rng(0)
    colour = rng.random((8, 8, 3), dtype=np.float32)
    whole = png(RAMP, 8, 0)
    return {
        "half.tif": (tiff(colour[..., 0].astype(np.float16), 1), "unknown pixel mode"),
        "double_colour.tif": (tiff(colour.astype(np.float64), 2), "unknown pixel mode"),
        "float_colour.tif": (tiff(colour, 2), "unknown pixel mode"),
        "five_bands.tif": (tiff(rng.integers(0, 9, (8, 8, 5), np.uint16), 1), "TIFF"),
        "planes_of_16.tif": (
            tiff(rng.integers(0, 4096, (8, 8, 3)).astype(np.uint16), 2, planar=True),
            "16-bit colour in separate planes",
        ),
        "empty.jpg": (b"", "the file is empty"),
        "page.png": (b"<html>404 not found</html>", "not an image"),
        "cut.png": (whole[:60], ""),
        "bits.png": (whole[:50] + bytes(20) + whole[70:], ""),
        "short.bmp": (b"BM" + bytes(30), "BMP"),
    }


@pytest.mark.parametrize("name", refusals())
def test_refused_with_the_reason(tmp_path, name):
    content, reason = refusals()[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        decode_image(str(path), 8, 3)
    (problem,) = caught.value.problems
    assert problem.file == str(path)
    assert problem.rule.startswith("cannot be read as an image (")
    assert reason in problem.rule
    assert problem.remedy.startswith("replace or remove it")


@pytest.mark.parametrize("limit", [20, 40, 63])
def test_too_many_pixels(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    path = str(tmp_path / "image.png")
    Image.fromarray(RAMP).save(path)
    rule = rf"image\.png: has too many pixels \(64, more than {limit}\); scale it"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with pytest.raises(InputError, match=rule):
            decode_image(path, 8, 3)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64)
    assert decode_image(path, 8, 3).shape == (3, 8, 8)


def outcome_of(path: str) -> object:
    try:
        return decode_image(path, 8, 3).shape
    except InputError as error:
        return error


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        *(("PNG", {}), ("JPEG", {}), ("GIF", {}), ("BMP", {}), ("WEBP", {}), ("PPM", {})),
        *(("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("JPEG2000", {}), ("TGA", {})),
        *(("ICO", {}), ("SGI", {}), ("PCX", {}), ("AVIF", {})),
    ],
)
def test_damage_is_a_problem_or_a_picture(tmp_path, kind, options):
    if kind not in Image.SAVE:
        pytest.skip(f"Pillow was built without {kind}")
    rng = np.random.default_rng(3)
    path = tmp_path / f"image.{kind.lower()}"
    Image.fromarray(rng.integers(0, 256, (24, 24, 3), np.uint8)).save(path, kind, **options)
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    for _ in range(60):
        damaged = whole[: rng.integers(1, len(whole) + 1)].copy()
        hit = rng.integers(0, len(damaged), rng.integers(1, 8))
        damaged[hit] = rng.integers(0, 256, len(hit))
        path.write_bytes(damaged.tobytes())
        outcome = outcome_of(str(path))
        assert outcome == (3, 8, 8) or str(path) in str(outcome)
