"""Keep decoded images between runs; a cache that cannot be written is only slower."""

import hashlib
import logging
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archsearch.files import replacing
from archsearch.resources import cache_dir

logger = logging.getLogger(__name__)


def read_cache(key: str, fingerprint: str) -> NDArray[np.uint8] | None:
    """Return the array kept under ``key`` if its ``fingerprint`` still holds, else None."""
    path = _path(key)
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file, np.load(file) as kept:
            if str(kept["fingerprint"]) != fingerprint:
                return None
            pixels: NDArray[np.uint8] = kept["pixels"]
            return pixels
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        logger.warning("cache %s is unreadable and will be rebuilt (%s)", path, error)
        return None


def write_cache(key: str, fingerprint: str, pixels: NDArray[np.uint8]) -> None:
    """Keep ``pixels`` under ``key``, replacing what was there."""
    try:
        with replacing(_path(key)) as draft, draft.open("wb") as file:
            np.savez(file, fingerprint=np.asarray(fingerprint), pixels=pixels)
    except OSError as error:
        logger.warning("decoded images are not kept for the next run (%s)", error)


def _path(key: str) -> Path:
    name = hashlib.sha256(key.encode()).hexdigest()[:16]
    return cache_dir() / "decoded" / f"{name}.npz"
