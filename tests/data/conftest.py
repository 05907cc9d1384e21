"""Small data sets in the layouts that users have."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

MakeFolder = Callable[..., Path]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHSEARCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    """Return a function that writes folders of random images: ``{"train/cat": 3, ...}``."""

    def make(
        counts: dict[str, int], size: tuple[int, int] = (9, 7), mode: str = "RGB", suffix=".png"
    ) -> Path:
        root = tmp_path / "photos"
        rng = np.random.default_rng(0)
        shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
        root.mkdir(exist_ok=True)
        for place, count in counts.items():
            (root / place).mkdir(parents=True, exist_ok=True)
            for index in range(count):
                pixels = rng.integers(0, 256, shape, dtype=np.uint8)
                Image.fromarray(pixels).save(root / place / f"{index:03d}{suffix}")
        return root

    return make


@pytest.fixture
def write_idx() -> Callable[[Path, np.ndarray], None]:
    """Return a function that writes bytes in MNIST's idx layout, compressed if so named."""

    def write(path: Path, array: np.ndarray) -> None:
        header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
        data = header + array.astype(np.uint8).tobytes()
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)

    return write


@pytest.fixture
def idx_folder(tmp_path: Path, write_idx) -> Path:
    """Return a folder with 60 training and 20 test images of 28x28 in three classes."""
    folder = tmp_path / "idx"
    folder.mkdir()
    rng = np.random.default_rng(1)
    for name, count, suffix in (("train", 60, ".gz"), ("t10k", 20, "")):
        images = rng.integers(0, 256, (count, 28, 28))
        write_idx(folder / f"{name}-images-idx3-ubyte{suffix}", images)
        write_idx(folder / f"{name}-labels-idx1-ubyte{suffix}", np.arange(count) % 3)
    return folder
