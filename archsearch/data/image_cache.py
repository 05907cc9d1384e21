"""A cache of decoded or drawn images between runs; without write access runs are only slower."""

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsearch.files import replacing
from archsearch.resources import cache_dir

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Kept:
    """An entry of the cache.

    Attributes:
        pixels: of the images.
        about: what else there is to know of them, plain data.
    """

    pixels: NDArray[np.uint8]
    about: dict[str, Any]


def read_cache(key: str, fingerprint: str) -> Kept | None:
    """Return what is kept under ``key`` if its ``fingerprint`` still holds, else None."""
    path = _path(key)
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file, np.load(file) as kept:
            if str(kept["fingerprint"]) != fingerprint:
                return None
            return Kept(kept["pixels"], json.loads(str(kept["about"])))
    except Exception as error:  # damaged files make NumPy's readers raise any error
        logger.warning("cache %s is unreadable and will be rebuilt (%s)", path, error)
        return None


def write_cache(key: str, fingerprint: str, kept: Kept) -> None:
    """Keep images under ``key``, replacing what was there."""
    try:
        with replacing(_path(key)) as draft, draft.open("wb") as file:
            np.savez(
                file,
                fingerprint=np.asarray(fingerprint),
                about=np.asarray(json.dumps(kept.about)),
                pixels=kept.pixels,
            )
    except OSError as error:
        logger.warning("images are not kept for the next run (%s)", error)


def _path(key: str) -> Path:
    name = hashlib.sha256(key.encode()).hexdigest()[:16]
    return cache_dir() / "decoded" / f"{name}.npz"
