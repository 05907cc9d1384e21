"""A data set much larger or smaller than the network's images says so, once."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archsearch.data import describe_data, load_data
from archsearch.data.file_sizes import size_note
from archsearch.data.request import IN_MEMORY_BYTES


def folder(root: Path, sizes: list[tuple[int, int]], **options: object) -> Path:
    rng = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (root / label).mkdir(parents=True)
        for number in range(10):
            width, height = sizes[number % len(sizes)]
            pixels = rng.integers(0, 255, (height, width, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / label / f"{number}.jpg", **options)
    return root


def lines(root: Path, side: int, in_memory_bytes: int = IN_MEMORY_BYTES) -> list[str]:
    data = load_data(f"folder:{root}", image_size=side, in_memory_bytes=in_memory_bytes)
    return [line for line in describe_data(data) if "image files are" in line]


@pytest.mark.parametrize("in_memory_bytes", [IN_MEMORY_BYTES, 0])
def test_photographs_at_a_small_size(tmp_path: Path, in_memory_bytes: int) -> None:
    (line,) = lines(folder(tmp_path / "d", [(160, 128)]), 32, in_memory_bytes)
    for words in ("160 x 128 px", "scaled down to 32 px", "cut off", "--image-size"):
        assert words in line


def test_a_range_of_sizes(tmp_path: Path) -> None:
    (line,) = lines(folder(tmp_path / "d", [(64, 64), (160, 128), (1200, 90)]), 16)
    assert "64 x 64 to 1,200 x 90 px" in line


def test_squares_lose_nothing_at_the_edges(tmp_path: Path) -> None:
    (line,) = lines(folder(tmp_path / "d", [(64, 64)]), 32)
    assert "cut off" not in line


def test_small_files_are_enlarged(tmp_path: Path) -> None:
    (line,) = lines(folder(tmp_path / "d", [(16, 20)]), 64)
    assert "enlarged to 64 px" in line


@pytest.mark.parametrize("size", [(32, 32), (40, 50), (32, 400), (17, 20)])
def test_what_fits_says_nothing(tmp_path: Path, size: tuple[int, int]) -> None:
    assert lines(folder(tmp_path / "d", [size]), 32) == []


def test_a_photograph_on_its_side_is_told_upright(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    (line,) = lines(folder(tmp_path / "d", [(160, 128)], exif=turned.tobytes()), 32)
    assert "128 x 160 px" in line


def test_few_headers_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def size(path: str) -> tuple[int, int]:
        seen.append(path)
        return (100, 100)

    monkeypatch.setattr("archsearch.data.file_sizes.upright_size", size)
    paths = [f"{number}.jpg" for number in range(10_000)]
    assert "100 x 100" in size_note(paths, 10)
    assert len(seen) <= 24
    assert paths.index(seen[-1]) > 9_000, "spread over all"


def test_what_cannot_be_read_is_not_told_here(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no image")
    assert size_note([str(tmp_path / "a.jpg"), str(tmp_path / "missing.jpg")], 8) == ""
