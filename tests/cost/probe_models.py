"""Networks that the probe process imports by name."""

import os
import time

import torch
from torch import nn


def small():
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 1)), (3, 16, 16)


def shapeless():
    return nn.Conv2d(3, 8, 1)


def not_a_module():
    return 3, (3, 16, 16)


def wrong_channels():
    return nn.Conv2d(5, 8, 1), (3, 16, 16)


class Deadly(nn.Module):
    def forward(self, x):
        os._exit(17)


class Sleepy(nn.Module):
    def forward(self, x):
        time.sleep(60)
        return x


class Noisy(nn.Module):
    """Prints where replies go."""

    def forward(self, x):
        print("hello")
        return x + 1


class HalfHearted(nn.Module):
    def forward(self, x):
        if x.dtype == torch.float16:
            raise RuntimeError("\"some_kernel\" not implemented for 'Half'")
        return x + 1


def deadly():
    return Deadly(), (3, 4, 4)


def sleepy():
    return Sleepy(), (3, 4, 4)


def printing():
    return Noisy(), (3, 4, 4)


def half_hearted():
    return HalfHearted(), (3, 4, 4)


class Lost(nn.Module):
    """Ends the device at its second inference, as a failed kernel does."""

    calls = 0

    def forward(self, x):
        self.calls += 1
        if self.calls > 1:
            raise RuntimeError("CUDA error: device-side assert triggered")
        return x


def lost():
    return Lost(), (3, 4, 4)
