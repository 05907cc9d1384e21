"""Adapt a whole array of images to another size or number of channels."""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from archsearch.image_size import ImageSize, sides_of

# ITU-R 601 luma in 16-bit fixed point, as Pillow computes it
_LUMA = np.array([19595, 38470, 7471], np.uint32)
_CHUNK = 4096


def resize_images(pixels: NDArray[np.uint8], size: ImageSize) -> NDArray[np.uint8]:
    """Scale (N, C, H, W) to ``size``, bilinear, antialiased when it shrinks.

    Nothing is cut off: images of another shape are stretched.
    """
    sides = sides_of(size)
    if pixels.shape[2:] == sides:
        return pixels
    resized = np.empty((*pixels.shape[:2], *sides), np.uint8)
    for start in range(0, len(pixels), _CHUNK):
        part = torch.from_numpy(pixels[start : start + _CHUNK].astype(np.float32))
        scaled = F.interpolate(part, sides, mode="bilinear", antialias=True)
        resized[start : start + _CHUNK] = scaled.round_().clamp_(0, 255).to(torch.uint8).numpy()
    return resized


def convert_channels(pixels: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Turn (N, 1, H, W) into (N, 3, H, W) by repetition, or colour into grey by luma."""
    if pixels.shape[1] == channels:
        return pixels
    if pixels.shape[1] == 1:
        return np.repeat(pixels, channels, axis=1)
    grey = np.empty((len(pixels), 1, *pixels.shape[2:]), np.uint8)
    for start in range(0, len(pixels), _CHUNK):
        part = pixels[start : start + _CHUNK].astype(np.uint32)
        luma = (part * _LUMA[:, None, None]).sum(axis=1) + 0x8000
        grey[start : start + _CHUNK, 0] = luma >> 16
    return grey


def channel_statistics(
    pixels: NDArray[np.uint8],
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of each channel of (N, C, H, W), pixels in 0..1."""
    values = np.arange(256) / 255.0
    means, deviations = [], []
    for channel in range(pixels.shape[1]):
        counts = np.zeros(256, np.int64)
        for start in range(0, len(pixels), _CHUNK):
            part = pixels[start : start + _CHUNK, channel]
            counts += np.bincount(part.ravel(), minlength=256)
        weights = counts / counts.sum()
        mean = float(weights @ values)
        means.append(mean)
        deviations.append(float(np.sqrt(weights @ (values - mean) ** 2)))
    # a constant channel would divide by zero
    return tuple(means), tuple(max(deviation, 1e-3) for deviation in deviations)
