"""Batches of bytes on the training device, wherever a split keeps its images."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from archsearch.data.splits import ArraySplit, FileSplit, Indices, Pixels, Split

# a resident copy may take this share of the memory that is free on a CUDA device
_RESIDENT_SHARE = 0.25


class Feed(ABC):
    """Hands out the batches of one split."""

    @abstractmethod
    def pixels(self, batches: Sequence[Indices], number: int) -> Tensor:
        """Return batch ``number`` of ``batches``: bytes (B, C, H, W) on the device.

        The later batches may be prepared ahead while this one is in use.
        """

    @abstractmethod
    def pause(self) -> None:
        """Return when no work is going on in the background."""


class HostFeed(Feed):
    """Images in main memory; a take of whole images costs 0.1 us each."""

    def __init__(self, split: Split, device: torch.device) -> None:
        self.split = split
        self.device = device

    def pixels(self, batches: Sequence[Indices], number: int) -> Tensor:
        """Return batch ``number`` of ``batches``."""
        return _to_device(self.split.batch(batches[number]), self.device)

    def pause(self) -> None:
        """Do nothing: all work is done when a batch is asked for."""


class ResidentFeed(Feed):
    """Images copied to a CUDA device once, and picked out there."""

    def __init__(self, split: ArraySplit, device: torch.device) -> None:
        # torch warns about read-only arrays, which the object store hands out; it only reads
        source = split.pixels if split.pixels.flags.writeable else split.pixels.copy()
        self.images = torch.from_numpy(source).to(device)
        self.device = device

    def pixels(self, batches: Sequence[Indices], number: int) -> Tensor:
        """Return batch ``number`` of ``batches``."""
        index = _to_device(batches[number], self.device)
        return self.images.index_select(0, index)

    def pause(self) -> None:
        """Do nothing: all work is done when a batch is asked for."""


class FileFeed(Feed):
    """Images decoded by worker threads, a few batches ahead."""

    def __init__(self, split: FileSplit, device: torch.device, workers: int) -> None:
        self.split = split
        self.device = device
        self.ahead = 2 * workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")
        self._plan: Sequence[Indices] = ()
        self._pending: dict[int, Future[Pixels]] = {}

    def pixels(self, batches: Sequence[Indices], number: int) -> Tensor:
        """Return batch ``number`` of ``batches``."""
        if batches is not self._plan:
            self._forget()
            self._plan = batches
        for wanted in range(number, min(number + 1 + self.ahead, len(batches))):
            if wanted not in self._pending:
                self._pending[wanted] = self._pool.submit(self.split.batch, batches[wanted])
        return _to_device(self._pending.pop(number).result(), self.device)

    def pause(self) -> None:
        """Wait for the batches being decoded: a latency may be measured next."""
        for future in self._pending.values():
            future.exception()

    def _forget(self) -> None:
        for future in self._pending.values():
            future.cancel()
        self._pending.clear()


def open_feed(split: Split, device: torch.device, workers: int) -> Feed:
    """Return the feed that suits ``split`` and ``device``.

    Args:
        split: what to feed.
        device: where batches are wanted.
        workers: threads that decode files.
    """
    if isinstance(split, FileSplit):
        return FileFeed(split, device, workers)
    if device.type == "cuda" and isinstance(split, ArraySplit):
        free, _ = torch.cuda.mem_get_info(device)
        if split.pixels.nbytes <= _RESIDENT_SHARE * free:
            return ResidentFeed(split, device)
    return HostFeed(split, device)


def cut(order: Indices, batch_size: int) -> list[Indices]:
    """Cut ``order`` into batches of at most ``batch_size``, as even as can be.

    Even batches need no dropping of the last one, and batch norm never meets a batch of one.
    """
    return np.array_split(order, max(1, -(-len(order) // batch_size)))


def _to_device(array: Pixels | Indices, device: torch.device) -> Tensor:
    tensor = torch.from_numpy(array)
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor
