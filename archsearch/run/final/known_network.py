"""Known networks that a run can be compared with, fitted to its data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from archsearch import zoo
from archsearch.arch import Arch
from archsearch.data import DataSplits
from archsearch.errors import InputError, Problem, TrialError, nearest
from archsearch.image_size import ImageSize, sides_of, size_text
from archsearch.model import build_model

_TIMM, _ZOO = "timm:", "zoo:"


@dataclass(frozen=True)
class Baseline:
    """A known network, fitted to the data of a run.

    Attributes:
        name: as the user wrote it, e.g. ``timm:mobilenetv2_050``.
        image_size: side of square images in pixels, or ``(height, width)``.
        in_channels: of the images.
        num_classes: outputs.
        arch: of a model of the zoo; None for one of timm's.
    """

    name: str
    image_size: ImageSize
    in_channels: int
    num_classes: int
    arch: Arch | None = None

    @property
    def digest(self) -> str:
        """Identity: of an architecture its digest, of a network of timm's all that makes it."""
        if self.arch is not None:
            return self.arch.digest
        import timm  # takes as long as torch

        shape = "x".join(map(str, self.shape))
        return f"{self.name} of timm {timm.__version__}, {shape}, {self.num_classes} classes"

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of one image."""
        return (self.in_channels, *sides_of(self.image_size))

    def build(self, drop_path: float = 0.0, seed: int | None = 0) -> nn.Module:
        """Return the network with new weights.

        Raises:
            TrialError: timm cannot build it for this input.
        """
        if self.arch is not None:
            return build_model(self.arch, drop_path=drop_path, seed=seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed or 0)
            model = self._from_timm(drop_path)
        known = getattr(model, "default_cfg", None)
        facts = dict(known) if isinstance(known, Mapping) else {}
        # measurements read the image size from the network
        setattr(model, "default_cfg", {**facts, "input_size": self.shape})  # noqa: B010
        return model

    def _from_timm(self, drop_path: float) -> nn.Module:
        import timm

        name = self.name.removeprefix(_TIMM)
        fixed: dict[str, Any] = {"in_chans": self.in_channels, "num_classes": self.num_classes}
        # convolutional networks take images of any size, and no such argument; neither do all
        # know stochastic depth
        choices: list[dict[str, Any]] = [
            {"img_size": self.image_size, "drop_path_rate": drop_path},
            {"drop_path_rate": drop_path},
            {"img_size": self.image_size},
            {},
        ]
        refused: Exception | None = None
        for options in choices:
            try:
                model: nn.Module = timm.create_model(name, **fixed, **options)
                return model
            except TypeError as error:
                refused = error
            except Exception as error:  # timm raises various errors for sizes that do not fit
                refused = error
                break
        raise TrialError(
            f"{self.name} cannot be built for {size_text(self.image_size)} px: {refused}"
        )


def find_baselines(names: Sequence[str], data: DataSplits) -> list[Baseline]:
    """Return what ``names`` stand for, fitted to ``data``; a family stands for all its sizes.

    Raises:
        InputError: one problem for each name that stands for nothing.
    """
    found, problems = [], []
    every = [size for name in names for size in _sizes(name)]
    for name in dict.fromkeys(every):
        try:
            found.append(_find(name, data))
        except InputError as error:
            problems += [replace(p, key="--baseline") for p in error.problems]
    if problems:
        raise InputError(problems)
    return found


def _sizes(name: str) -> list[str]:
    """Return a name, or those of all sizes of a family."""
    family = name.removeprefix(_ZOO)
    if name.startswith(_ZOO) and family in zoo.families():
        return [f"{_ZOO}{size}" for size in zoo.sizes(family)]
    return [name]


def _find(name: str, data: DataSplits) -> Baseline:
    fit: dict[str, Any] = {
        "image_size": data.image_size,
        "in_channels": data.in_channels,
        "num_classes": data.num_classes,
    }
    if name.startswith(_ZOO):
        return Baseline(name, **fit, arch=zoo.arch(name.removeprefix(_ZOO), **fit))
    if not name.startswith(_TIMM):
        raise InputError(Problem("--baseline", "must be timm:NAME or zoo:NAME", name))
    import timm  # takes as long as torch

    known = timm.list_models()
    base = name.removeprefix(_TIMM).split(".")[0]
    if base not in known:
        raise InputError(Problem("", f"timm has no model '{base}'", None, nearest(base, known)))
    return Baseline(name, **fit)
