"""A network that a Python file defines, to be trained like an architecture."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from archsearch.cost.measured_network import module_of
from archsearch.errors import InputError, Problem
from archsearch.image_size import ImageSize, sides_of, size_of
from archsearch.user_code import UserFunction, load_function


@dataclass(frozen=True)
class ModelFile:
    """A function in a Python file that makes a network, and the images that it takes.

    Attributes:
        path: the file.
        function: called as ``function(num_classes=...)``.
        image_size: side of square images in pixels, or ``(height, width)``.
        in_channels: of the images.
        num_classes: asked of the function.
        digest: SHA-256 of the file.
        config: what the network says of its images in timm's words; empty for nothing.
    """

    path: Path
    function: str
    image_size: ImageSize
    in_channels: int
    num_classes: int
    digest: str
    config: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of one image."""
        return (self.in_channels, *sides_of(self.image_size))

    def build(self, _: object, *, drop_path: float = 0.0, seed: int | None = None) -> nn.Module:
        """Return the network with the initial weights of ``seed``.

        Raises:
            InputError: ``drop_path`` is not 0, and the function takes no ``drop_path_rate``.
        """
        make = load_function(f"{self.path}:{self.function}")
        options: dict[str, Any] = {"num_classes": self.num_classes}
        if drop_path:
            if not make.takes("drop_path_rate"):
                raise InputError(
                    Problem(
                        "recipe.drop_path",
                        "must be 0 for a function that takes no drop_path_rate",
                        drop_path,
                        "export the file again, or set drop_path: 0 in the recipe",
                    )
                )
            options["drop_path_rate"] = drop_path
        with torch.random.fork_rng(devices=[]):
            if seed is not None:
                torch.manual_seed(seed)
            return module_of(make(**options), make)[0]


def open_model_file(name: str, num_classes: int | None = None) -> ModelFile:
    """Return the network of ``file.py:function``; ``num_classes`` None takes its own.

    Raises:
        InputError: there is no such file or function, it raises or takes no ``num_classes``, or
            the network does not say what images it takes.
    """
    function = load_function(name)
    path = Path(function.name.rpartition(":")[0])
    model, shape = module_of(_made(function, num_classes), function)
    if shape is None or len(shape) != 3:
        raise InputError(
            Problem(
                function.name,
                "must make a network that says what images it takes, (C, H, W)",
                shape,
                "set its attribute input_size = (3, 32, 32), for example",
            )
        )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    classes = num_classes or int(getattr(model, "num_classes", 0))
    config = getattr(model, "default_cfg", None) or {}
    own_name = function.name.rpartition(":")[2]
    size = size_of(shape[1], shape[2])
    return ModelFile(path, own_name, size, shape[0], classes, digest, config)


def _made(function: UserFunction, num_classes: int | None) -> object:
    """Call a user's function for a number of classes."""
    if num_classes is None:
        # one that needs the number of classes is asked for its images with some number
        return function(num_classes=2) if "num_classes" in function.missing() else function()
    if not function.takes("num_classes"):
        own_name = function.name.rpartition(":")[2]
        raise InputError(
            Problem(
                function.name,
                "must take the number of classes",
                remedy=f"write def {own_name}(num_classes=10)",
            )
        )
    return function(num_classes=num_classes)
