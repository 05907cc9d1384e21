"""Several processes that train one network, as torchrun starts them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from archsearch.cost.device import is_cuda, use_device
from archsearch.data.splits import Indices

_TIMEOUT = timedelta(minutes=30)


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this one is.

    Attributes:
        rank: from 0; process 0 alone writes and prints.
        world: number of processes.
    """

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    def bounds(self, count: int) -> tuple[int, int]:
        """Return the half-open range of this process among ``count`` images of a batch."""
        cuts = np.linspace(0, count, self.world + 1).round().astype(int)
        return int(cuts[self.rank]), int(cuts[self.rank + 1])

    def share(self, batch: Indices) -> Indices:
        """Return the part of a batch that this process trains on."""
        low, high = self.bounds(len(batch))
        return batch[low:high]

    def parallel(self, model: nn.Module, device: torch.device) -> nn.Module:
        """Return a module that runs ``model`` and makes gradients the mean over processes.

        On CUDA batch norms see the whole batch; on a CPU each process normalises its own part.
        """
        if self.world == 1:
            return model
        ids = [device.index] if device.type == "cuda" else None
        wrapped: nn.Module = DistributedDataParallel(model, device_ids=ids)
        return wrapped

    def joined(self, model: nn.Module, device: torch.device) -> nn.Module:
        """Return ``model`` with batch norms that speak to each other, where that is possible."""
        if self.world == 1 or device.type != "cuda":
            return model
        together: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
        return together

    def total(self, value: Tensor) -> Tensor:
        """Return the sum over processes."""
        if self.world > 1:
            dist.all_reduce(value)
        return value

    def wait(self) -> None:
        """Return when every process has come this far."""
        if self.world > 1:
            dist.barrier()

    def agreed(self, value: object) -> object:
        """Return what process 0 says."""
        if self.world == 1:
            return value
        said = [value]
        dist.broadcast_object_list(said)
        return said[0]


#: one process by itself
ALONE = Ranks()


@contextmanager
def open_ranks(device: str) -> Iterator[tuple[Ranks, str]]:
    """Join the processes that torchrun started; yield which one this is, and its device.

    Without torchrun there is one process. On CUDA each process takes the device of its local rank.

    Args:
        device: ``cpu``, ``cuda`` or ``cuda:N``.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        use_device(device)
        yield ALONE, device
        return
    on_cuda = is_cuda(device)
    if on_cuda:
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if on_cuda else "gloo", timeout=_TIMEOUT)
    try:
        yield Ranks(dist.get_rank(), world), device
        dist.barrier()
    finally:
        dist.destroy_process_group()
