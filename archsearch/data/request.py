"""The arguments of `load_data`, passed on to the loader of one data set."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from archsearch.image_size import ImageSize

#: called with what is being done, how many are done, and of how many
Progress = Callable[[str, int, int], None]

#: splits that would take more than this in memory are decoded from their files batch by batch
IN_MEMORY_BYTES = 1 << 30


@dataclass(frozen=True)
class Request:
    """One call of `load_data`; see there for the meaning of each field."""

    name: str
    image_size: ImageSize
    root: Path | None = None
    download: bool = False
    seed: int = 0
    limit: int | None = None
    channels: int | None = None
    in_memory_bytes: int = IN_MEMORY_BYTES
    progress: Progress | None = None

    def rng(self) -> np.random.Generator:
        """Return a fresh generator; the same request always draws the same splits."""
        return np.random.default_rng(self.seed)
