"""A network that a Python file defines, to be trained like an architecture."""

import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from archsearch.cost.target import builder
from archsearch.errors import InputError, Problem


@dataclass(frozen=True)
class ModelFile:
    """A function in a Python file that makes a network, and the images that it takes.

    Attributes:
        path: the file.
        function: called as ``function(num_classes=...)``.
        image_size: side of the square images in pixels.
        in_channels: of the images.
        num_classes: asked of the function.
        digest: SHA-256 of the file.
        config: what the network says of its images in timm's words; empty for nothing.
    """

    path: Path
    function: str
    image_size: int
    in_channels: int
    num_classes: int
    digest: str
    config: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def build(self, _: object, *, drop_path: float = 0.0, seed: int | None = None) -> nn.Module:
        """Return the network with the initial weights of ``seed``.

        Raises:
            InputError: ``drop_path`` is not 0, and the function takes no ``drop_path_rate``.
        """
        make = builder(f"{self.path}:{self.function}")
        options: dict[str, Any] = {"num_classes": self.num_classes}
        if drop_path:
            if not _takes(make, "drop_path_rate"):
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
            model: nn.Module = make(**options)
        return model


def _takes(make: Callable[..., Any], name: str) -> bool:
    parameters = inspect.signature(make).parameters
    return name in parameters or any(
        each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()
    )


def open_model_file(name: str, num_classes: int | None = None) -> ModelFile:
    """Return the network of ``file.py:function``; ``num_classes`` None takes its own.

    Raises:
        InputError: there is no such file or function, it takes no ``num_classes``, or the network
            does not say what images it takes.
    """
    path, _, function = name.rpartition(":")
    make = builder(name)
    try:
        model: Any = make() if num_classes is None else make(num_classes=num_classes)
    except TypeError as error:
        raise InputError(
            Problem("", f"must be called as function(num_classes=...) ({error})", name)
        ) from None
    config = getattr(model, "default_cfg", None) or {}
    shape = tuple(getattr(model, "input_size", None) or config.get("input_size") or ())
    if not isinstance(model, nn.Module) or len(shape) != 3 or shape[1] != shape[2]:
        raise InputError(
            Problem(
                "",
                "must return a network with an attribute input_size, (C, S, S)",
                name,
                "export the file again, or set the attribute",
            )
        )
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    classes = num_classes or int(getattr(model, "num_classes", 0))
    return ModelFile(Path(path), function, shape[1], shape[0], classes, digest, config)
