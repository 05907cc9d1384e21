"""A teacher that is open: a network with its weights, and the images that it takes."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from archsearch.data.array_resizing import convert_channels, resize_images
from archsearch.data.splits import Pixels
from archsearch.image_size import ImageSize, plain_size
from archsearch.train.pooled_features import classifier_of, reading_features


@dataclass(frozen=True)
class TeacherImages:
    """The images that a teacher takes.

    Attributes:
        size: side of square images in pixels, or ``(height, width)``.
        channels: 1 for grey, 3 for colour, or any other number.
        mean: taken off each channel of values in 0..1.
        std: that divides each channel then.
    """

    size: ImageSize
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def of(self, pixels: Pixels) -> Tensor:
        """(B, C, H, W) uint8 of the data -> (B, C', H', W') float32 of the teacher.

        Images are resized as data sets are: bilinear, antialiased, another shape stretched.
        """
        adapted = convert_channels(resize_images(pixels, self.size), self.channels)
        mean, std = (
            torch.tensor(each, dtype=torch.float32)[:, None, None] for each in (self.mean, self.std)
        )
        return (torch.from_numpy(adapted).float() / 255 - mean) / std


@dataclass(frozen=True, eq=False)
class OpenedTeacher:
    """A trained network in evaluation mode.

    Attributes:
        label: the last part of its source.
        network: on the CPU.
        images: that it takes.
        class_names: in the order of its outputs; empty where they are not known.
        licence: of its weights; empty where it is not known.
        definition: identity of the network without its weights.
        files: that it was read from.
    """

    label: str
    network: nn.Module
    images: TeacherImages
    class_names: tuple[str, ...] = ()
    licence: str = ""
    definition: str = ""
    files: tuple[Path, ...] = ()

    @property
    def params(self) -> int:
        """Its parameters."""
        return sum(each.numel() for each in self.network.parameters())

    @property
    def digest(self) -> str:
        """Return its identity: definition, images and weights; sha256 (64 hex digits)."""
        images = self.images
        about = [self.definition, plain_size(images.size), images.channels, images.mean, images.std]
        digest = hashlib.sha256(json.dumps(about).encode())
        for name, value in sorted(self.network.state_dict().items()):
            plain = value.detach().cpu().contiguous().reshape(-1)
            digest.update(f"{name} {value.dtype} {list(value.shape)}".encode())
            digest.update(plain.view(torch.uint8).numpy().data)
        return digest.hexdigest()

    @torch.inference_mode()
    def answers(
        self, pixels: Pixels, device: torch.device, *, with_features: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Return logits (B, classes) and pooled features (B, D) of images, in main memory.

        Args:
            pixels: (B, C, H, W) of the data.
            device: of the network.
            with_features: whether features are wanted; else None takes their place.
        """
        images = self.images.of(pixels).to(device)
        if not with_features:
            return self.network(images).cpu(), None
        with reading_features(classifier_of(self.network)) as found:
            logits: Tensor = self.network(images)
        return logits.cpu(), found[0].cpu()


def mirrored(pixels: Pixels) -> Pixels:
    """Return images (B, C, H, W) mirrored left and right."""
    return np.ascontiguousarray(pixels[..., ::-1])


def state_differences(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> list[str]:
    """Return how weights differ from a network's: missing, misshapen and unexpected keys."""
    found = [f"{key} is missing" for key in own if key not in state]
    found += [
        f"{key} has shape {list(state[key].shape)} in place of {list(own[key].shape)}"
        for key in own
        if key in state and own[key].shape != state[key].shape
    ]
    return found + [f"{key} is unexpected" for key in state if key not in own]
