"""A small problem that trains in a fraction of a second, and a network with all that is random."""

import numpy as np
import pytest
import torch
from torch import nn

from archsearch.arch import Arch, Block, Mlp, SelfAttention, Stage
from archsearch.data import ArraySplit, DataSplits
from archsearch.data.array_resizing import channel_statistics


def bars(count: int, seed: int) -> ArraySplit:
    """Four classes: a bright bar at one of four heights, in noise."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 4
    pixels = rng.integers(0, 140, (count, 1, 16, 16))
    for image, label in zip(pixels, labels, strict=True):
        image[0, 4 * label + 1 : 4 * label + 3] += 100
    return ArraySplit(pixels.astype(np.uint8), labels.astype(np.int64))


@pytest.fixture
def data() -> DataSplits:
    train = bars(102, 0)
    mean, std = channel_statistics(train.pixels)
    names = ("top", "upper", "lower", "bottom")
    return DataSplits(train, bars(40, 1), bars(41, 2), 4, 1, 16, "bars", names, mean, std)


@pytest.fixture
def arch() -> Arch:
    block = Block(attention=SelfAttention(), ffn=Mlp())
    stage = Stage(depth=1, width=16, num_heads=2, blocks=(block,))
    return Arch(image_size=16, in_channels=1, num_classes=4, stages=(stage,))


@pytest.fixture
def build():
    """Return a builder of a small network with batch norm and dropout."""

    def make(arch: Arch, *, drop_path: float = 0.0, seed: int | None = None) -> nn.Module:
        assert seed is not None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return nn.Sequential(
                nn.Conv2d(arch.in_channels, 16, 4, 2, 1, bias=False),
                nn.BatchNorm2d(16),
                nn.ReLU(),
                nn.Dropout(0.1),
                nn.Conv2d(16, 32, 3, 2, 1),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(512, arch.num_classes),
            )

    return make
