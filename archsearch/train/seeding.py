"""Every random choice of a training run, from one seed."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def derive_seed(seed: int, *path: int | str) -> int:
    """Return the seed (63 bits) of one purpose, e.g. ``derive_seed(0, "order", epoch)``.

    Different paths give independent streams, so that adding a random choice in one place moves
    no other.
    """
    words = [zlib.crc32(part.encode()) if isinstance(part, str) else part for part in path]
    # the length distinguishes paths that differ by a trailing zero only: numpy pads with zeros
    state = np.random.SeedSequence([seed, len(path), *words]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


@contextmanager
def isolated_rng(device: torch.device) -> Iterator[None]:
    """Give torch's random state back as it was found."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        yield


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Use ``threads`` intra-op threads, then as many as before.

    A reused process keeps the thread count of its last user, so it is set on every entry.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
