"""`load_data`: a data set by name."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import cast

from archsearch.data.request import IN_MEMORY_BYTES, Progress, Request
from archsearch.data.splits import DataSplits
from archsearch.errors import InputError, Problem, nearest
from archsearch.image_size import ImageSize, read_size

# Modules by name, imported when asked for: workers unpickle splits without scikit-learn, which
# takes 1.5 s and 150 MB.
_LOADERS = {
    "digits": "archsearch.data.digits",
    "cluttered-digits": "archsearch.data.cluttered_digits",
    "fashion-mnist": "archsearch.data.published_sets",
    "cifar10": "archsearch.data.published_sets",
    "cifar100": "archsearch.data.published_sets",
    "folder": "archsearch.data.image_folder",
}

#: names that `load_data` takes, for help texts
DATA_NAMES = (
    "digits",
    "cluttered-digits",
    "fashion-mnist",
    "cifar10",
    "cifar100",
    "folder:PATH",
)


def load_data(
    name: str,
    *,
    image_size: ImageSize,
    root: str | Path | None = None,
    download: bool = False,
    seed: int = 0,
    limit: int | None = None,
    channels: int | None = None,
    in_memory_bytes: int = IN_MEMORY_BYTES,
    progress: Progress | None = None,
) -> DataSplits:
    """Load a data set, adapted to ``image_size``, in three splits.

    The search validates on images held out of the training data, or on a folder's val/; the test
    split is for the final report alone, and a folder with val/ may have none. Splits are
    stratified, and depend on ``seed`` only.

    Args:
        name: ``digits``, ``cluttered-digits``, ``fashion-mnist``, ``cifar10``, ``cifar100`` or
            ``folder:PATH``.
        image_size: side of square images in pixels, or ``(height, width)``.
        root: folder of a published data set; None for the user's cache folder.
        download: fetch a published data set that is not in the root.
        seed: of the splits.
        limit: use at most this many images for training and validation together.
        channels: 1 (grey), 3 (colour), or the number of channels of a folder's files, taken as
            they are; None keeps what the data set has.
        in_memory_bytes: decode from files, batch by batch, what would take more than this.
        progress: called with (what, done, of how many) by steps that take over two seconds.

    Returns:
        splits ``train``, ``val`` and ``test`` (or None). ``batch(indices)`` of a split returns
        pixels ``(B, C, H, W)``, ``uint8``; ``labels`` has one class per image.

    Raises:
        InputError: with every problem found.

    Examples:
        >>> from archsearch import load_data
        >>> data = load_data("digits", image_size=32)
        >>> len(data.train), len(data.val), len(data.test)
        (1150, 288, 359)
    """
    problems = []
    kind = name.partition(":")[0]
    if kind not in _LOADERS or (kind == "folder") != (":" in name) or name == "folder:":
        problems.append(
            Problem("data", "must be a known data set", name, nearest(name, DATA_NAMES))
        )
    try:
        size = read_size(image_size)
    except InputError as error:
        problems += error.problems
    if limit is not None and limit < 1:
        problems.append(Problem("limit", "must be at least 1", limit))
    if channels is not None and channels < 1:
        problems.append(Problem("channels", "must be at least 1", channels))
    elif channels not in (None, 1, 3) and kind != "folder":
        remedy = "other numbers are for folders of images that have them"
        problems.append(Problem("channels", "must be 1 (grey) or 3 (colour)", channels, remedy))
    if problems:
        raise InputError(problems)
    load = cast(Callable[[Request], DataSplits], import_module(_LOADERS[kind]).load)
    folder = Path(root).expanduser() if root is not None else None
    return load(
        Request(name, size, folder, download, seed, limit, channels, in_memory_bytes, progress)
    )
