"""Network inputs from bytes: augmented, normalised, mixed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from archsearch.data import DataSplits
from archsearch.data.splits import Indices
from archsearch.image_size import ImageSize
from archsearch.train.augmentation import Draws, draw_augmentation, erase, shift_and_flip
from archsearch.train.batch_feed import cut
from archsearch.train.distributed import Ranks
from archsearch.train.recipe import Augmentation
from archsearch.train.seeding import derive_seed

#: (images, labels) -> (images, soft labels)
Mixing = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class Normalization:
    """Bytes to floats of mean 0 and deviation 1 over the training images, channels last."""

    def __init__(self, data: DataSplits, device: torch.device) -> None:
        mean = torch.tensor(data.mean, dtype=torch.float32, device=device)[:, None, None]
        std = torch.tensor(data.std, dtype=torch.float32, device=device)[:, None, None]
        self.scale = 1 / (255 * std)
        self.offset = -mean / std

    def __call__(self, pixels: Tensor) -> Tensor:
        """(B, C, H, W) uint8 -> (B, C, H, W) float32."""
        floats = pixels.to(torch.float32, memory_format=torch.channels_last)
        return floats.mul_(self.scale).add_(self.offset)


@dataclass(frozen=True, eq=False)
class EpochPlan:
    """Order and random choices of one epoch: a function of the seed and the epoch alone.

    Attributes:
        batches: indices of the training images, batch by batch.
        starts: position in the epoch of each batch's first image.
        order: the indices in one piece, (N,), on the training device.
        draws: augmentation of each image, in the order of the epoch, on the training device.
    """

    batches: Sequence[Indices]
    starts: Sequence[int]
    order: Tensor
    draws: Draws

    def index(self, number: int) -> Tensor:
        """Return the indices of batch ``number``, on the training device."""
        start = self.starts[number]
        return self.order[start : start + len(self.batches[number])]

    def batch_draws(self, number: int) -> Draws:
        """Return the draws of batch ``number``."""
        start = self.starts[number]
        return self.draws.part(start, start + len(self.batches[number]))

    def shared(self, ranks: Ranks) -> "EpochPlan":
        """Return the part of every batch that one of several processes trains on."""
        starts = [
            start + ranks.bounds(len(batch))[0]
            for start, batch in zip(self.starts, self.batches, strict=True)
        ]
        batches = [ranks.share(batch) for batch in self.batches]
        return EpochPlan(batches, starts, self.order, self.draws)

    def to(self, device: torch.device) -> "EpochPlan":
        """Return the same plan for ``device``."""
        return EpochPlan(self.batches, self.starts, self.order.to(device), self.draws.to(device))


def plan_epoch(
    count: int,
    batch_size: int,
    augmentation: Augmentation,
    size: ImageSize,
    *,
    seed: int,
    epoch: int,
) -> EpochPlan:
    """Draw an epoch over ``count`` images of ``size``."""
    order = np.random.default_rng(derive_seed(seed, "order", epoch)).permutation(count)
    order = order.astype(np.int64)
    batches = cut(order, batch_size)
    starts = np.cumsum([0, *map(len, batches)])[:-1].tolist()
    rng = np.random.default_rng(derive_seed(seed, "augmentation", epoch))
    draws = draw_augmentation(count, augmentation, size, rng)
    return EpochPlan(batches, starts, torch.from_numpy(order), draws)


def augmented(
    pixels: Tensor, draws: Draws, augmentation: Augmentation, normalize: Normalization
) -> Tensor:
    """Return the network's input (B, C, H, W) float32 of a training batch (B, C, H, W) uint8."""
    images = normalize(shift_and_flip(pixels, draws, augmentation.translate))
    return images if draws.erase is None else erase(images, draws.erase)


def build_mixing(augmentation: Augmentation, num_classes: int | None) -> Mixing | None:
    """Return mixup, cutmix or a coin between them; None without both.

    Args:
        augmentation: what is asked for.
        num_classes: of labels (B,); None for soft labels (B, D) of any width.
    """
    if not augmentation.mixup and not augmentation.cutmix:
        return None
    from torchvision.transforms.v2 import CutMix, MixUp, RandomChoice, Transform  # slow

    transforms: list[Transform] = []
    if augmentation.mixup:
        transforms.append(MixUp(alpha=augmentation.mixup, num_classes=num_classes))
    if augmentation.cutmix:
        transforms.append(CutMix(alpha=augmentation.cutmix, num_classes=num_classes))
    mixing: Mixing = RandomChoice(transforms) if len(transforms) == 2 else transforms[0]
    return mixing
