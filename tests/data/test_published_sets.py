import pickle
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import CIFAR10, CIFAR100, FashionMNIST

from archsearch.data import load_data, published_sets
from archsearch.errors import InputError


@pytest.fixture(autouse=True)
def _no_system_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(published_sets, "DEBIAN_FASHION_MNIST", Path("/debian/fashion-mnist"))
    monkeypatch.setenv("ARCHSEARCH_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("inner", ["", "raw", "FashionMNIST/raw"])
def test_fashion_mnist_from_a_flat_or_torchvision_root(idx_folder, tmp_path, inner):
    root = tmp_path / "root"
    (root / inner).parent.mkdir(parents=True, exist_ok=True)
    idx_folder.rename(root / inner if inner else root)
    data = load_data("fashion-mnist", image_size=32, root=root)
    assert data.class_names == tuple(FashionMNIST.classes)
    assert data.train.pixels.shape == (48, 1, 32, 32)
    assert len(data.val) == 12
    assert len(data.test) == 20


def test_fashion_mnist_is_found_where_debian_puts_it(idx_folder, monkeypatch):
    monkeypatch.setattr(published_sets, "DEBIAN_FASHION_MNIST", idx_folder)
    assert len(load_data("fashion-mnist", image_size=28).test) == 20


def test_missing_fashion_mnist(tmp_path):
    with pytest.raises(InputError) as caught:
        load_data("fashion-mnist", image_size=32, root=tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: data: must hold the four files *-idx?-ubyte(.gz) of fashion-mnist; add "
        "--download to fetch it, or install Debian's dataset-fashion-mnist and give --data-root "
        "/debian/fashion-mnist"
    )


def test_missing_cifar(tmp_path):
    with pytest.raises(InputError) as caught:
        load_data("cifar100", image_size=32, root=tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: data: must hold the folder cifar-100-python of cifar100; add --download to "
        "fetch it, or give the folder that holds it with --data-root"
    )


def test_nothing_is_downloaded_unless_asked(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(CIFAR10, "download", lambda self: asked.append(self.root))
    with pytest.raises(InputError, match="--download"):
        load_data("cifar10", image_size=32, root=tmp_path)
    assert not asked
    # asked for, but the folder still does not hold it
    with pytest.raises(InputError):
        load_data("cifar10", image_size=32, root=tmp_path / "new", download=True)
    assert asked == [str(tmp_path / "new")] or asked == [tmp_path / "new"]


def test_failed_download_says_so(tmp_path, monkeypatch):
    def refuse(self):
        raise OSError("no route")

    monkeypatch.setattr(FashionMNIST, "download", refuse)
    with pytest.raises(InputError, match=r"download: failed for fashion-mnist \(no route\)"):
        load_data("fashion-mnist", image_size=32, root=tmp_path, download=True)


def write_cifar(root: Path, kind: type[CIFAR10]) -> np.ndarray:
    """Write a CIFAR of 100 training and 20 test images in its own layout."""
    folder = root / kind.base_folder
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    classes = [f"class {i}" for i in range(5)]
    key = "fine_labels" if kind is CIFAR100 else "labels"
    stored = []
    for files in (kind.train_list, kind.test_list):
        for name, _ in files:
            count = 20 if len(files) == 5 or files is kind.test_list else 100
            pixels = rng.integers(0, 256, (count, 3072), dtype=np.uint8)
            stored.append(pixels.reshape(-1, 3, 32, 32))
            entry = {"data": pixels, key: [i % 5 for i in range(count)]}
            (folder / name).write_bytes(pickle.dumps(entry))
    meta = {kind.meta["key"]: classes}
    (folder / kind.meta["filename"]).write_bytes(pickle.dumps(meta))
    return np.concatenate(stored)


@pytest.mark.parametrize("kind", [CIFAR10, CIFAR100])
@pytest.mark.parametrize("inside", [False, True])
def test_cifar(tmp_path, monkeypatch, kind, inside):
    pixels = write_cifar(tmp_path, kind)
    monkeypatch.setattr(kind, "_check_integrity", lambda self: True)
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
    root = tmp_path / kind.base_folder if inside else tmp_path
    data = load_data(kind.__name__.lower(), image_size=32, root=root)
    assert data.num_classes == 5
    assert data.in_channels == 3
    assert len(data.train) == 80
    assert len(data.val) == 20
    everything = np.concatenate([data.train.pixels, data.val.pixels, data.test.pixels])
    assert {p.tobytes() for p in everything} == {p.tobytes() for p in pixels}
    np.testing.assert_array_equal(data.test.pixels, pixels[-20:])


def test_damaged_cifar_is_an_input_error(tmp_path):
    write_cifar(tmp_path, CIFAR10)
    with pytest.raises(InputError, match="remove cifar-10-batches-py and load it again"):
        load_data("cifar10", image_size=32, root=tmp_path)


def test_damaged_idx_files(idx_folder):
    images = idx_folder / "train-images-idx3-ubyte.gz"
    images.write_bytes(images.read_bytes()[:100])
    with pytest.raises(InputError, match=r"train-images-idx3-ubyte\.gz: cannot be read"):
        load_data("fashion-mnist", image_size=32, root=idx_folder)
    images.unlink()
    for damaged in (b"", b"hello", b"\0\0\x08\x03\0\0", b"\0\0\x08\x01\0\0\0\x05abc"):
        (idx_folder / "train-images-idx3-ubyte").write_bytes(damaged)
        with pytest.raises(InputError, match="must be an idx file of bytes"):
            load_data("fashion-mnist", image_size=32, root=idx_folder)


def test_images_without_their_labels(idx_folder, write_idx):
    write_idx(idx_folder / "t10k-labels-idx1-ubyte", np.zeros(19))
    with pytest.raises(InputError, match="must hold one label an image, 20, but got 19"):
        load_data("fashion-mnist", image_size=32, root=idx_folder)
