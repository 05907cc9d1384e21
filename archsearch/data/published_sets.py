"""Fashion-MNIST and CIFAR: read from where they are, downloaded only when asked."""

from pathlib import Path
from urllib.error import URLError

import numpy as np
from torchvision.datasets import CIFAR10, CIFAR100, FashionMNIST

from archsearch.data.array_splits import Labelled, splits_from_arrays
from archsearch.data.idx_files import find_idx_folder, load_idx_folder
from archsearch.data.request import Request
from archsearch.data.splits import DataSplits
from archsearch.errors import InputError, Problem
from archsearch.resources import cache_dir

# where Debian's package dataset-fashion-mnist puts the raw files
DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")


def load(request: Request) -> DataSplits:
    """Return the published data set that the request names.

    Raises:
        InputError: it is not in the root, or cannot be downloaded.
    """
    if request.name == "fashion-mnist":
        return _load_fashion_mnist(request)
    return _load_cifar(request, CIFAR10 if request.name == "cifar10" else CIFAR100)


def _load_fashion_mnist(request: Request) -> DataSplits:
    root = _root(request)
    folders = [root, root / "raw", root / "FashionMNIST" / "raw"]
    if request.root is None:
        folders.append(DEBIAN_FASHION_MNIST)
    folder = find_idx_folder(*folders)
    if folder is None and request.download:
        _download(request, root, FashionMNIST)
        folder = find_idx_folder(*folders)
    if folder is None:
        raise InputError(_missing(request, root, "the four files *-idx?-ubyte(.gz)"))
    train, test = load_idx_folder(folder)
    return splits_from_arrays(request, train, test, tuple(FashionMNIST.classes))


def _load_cifar(request: Request, kind: type[CIFAR10]) -> DataSplits:
    root = _root(request)
    # a root that is the unpacked folder itself is as good as its parent
    root = root.parent if root.name == kind.base_folder else root
    if not (root / kind.base_folder).is_dir():
        if not request.download:
            raise InputError(_missing(request, root, f"the folder {kind.base_folder}"))
        _download(request, root, kind)
    try:
        parts = [kind(root, train=train) for train in (True, False)]
    except RuntimeError as error:
        message = str(error).split(".")[0]
        raise InputError(
            Problem(
                "data",
                f"cannot be read ({message})",
                remedy=f"remove {kind.base_folder} and load it again with --download",
                file=str(root),
            )
        ) from None
    train, test = (
        Labelled(part.data.transpose(0, 3, 1, 2), np.asarray(part.targets, np.int64))
        for part in parts
    )
    return splits_from_arrays(request, train, test, tuple(parts[0].classes))


def _root(request: Request) -> Path:
    return request.root if request.root is not None else cache_dir() / "data"


def _download(request: Request, root: Path, kind: type[CIFAR10] | type[FashionMNIST]) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
        kind(root, download=True)
    except (OSError, URLError, RuntimeError) as error:
        raise InputError(
            Problem(
                "download",
                f"failed for {request.name} ({error})",
                remedy="check the network, or fetch it yourself and give its folder as the root",
                file=str(root),
            )
        ) from None


def _missing(request: Request, root: Path, what: str) -> Problem:
    remedy = "add --download to fetch it"
    if request.name == "fashion-mnist":
        remedy += (
            ", or install Debian's dataset-fashion-mnist and give "
            f"--data-root {DEBIAN_FASHION_MNIST}"
        )
    else:
        remedy += ", or give the folder that holds it with --data-root"
    return Problem("data", f"must hold {what} of {request.name}", remedy=remedy, file=str(root))
