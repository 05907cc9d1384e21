"""Check that architecture, data, recipe and device are compatible, before any work is done."""

from typing import Protocol

import torch

from archsearch.cost.device import device_problem
from archsearch.data import DataSplits
from archsearch.errors import Problem
from archsearch.image_size import ImageSize, sides_of
from archsearch.train.recipe import Recipe, recipe_problems


class TakesImages(Protocol):
    """Input and output sizes of a network, known before it is built; an `Arch` has them."""

    @property
    def image_size(self) -> ImageSize:
        """Side of square images in pixels, or ``(height, width)``."""

    @property
    def in_channels(self) -> int:
        """Channels of the images."""

    @property
    def num_classes(self) -> int:
        """Number of logits."""


def _same(own: ImageSize, wanted: ImageSize) -> bool:
    """Compare two numbers or sizes; a square may be written as a pair."""
    return sides_of(own) == sides_of(wanted)


def fit_problems(
    arch: TakesImages, data: DataSplits, recipe: Recipe, device: torch.device
) -> list[Problem]:
    """Return everything that keeps ``arch`` from being trained so."""
    problems = [
        Problem(
            f"arch.{name}",
            f"must be {wanted}, as in the data set {data.name}",
            getattr(arch, name),
        )
        for name, wanted in (
            ("image_size", data.image_size),
            ("in_channels", data.in_channels),
            ("num_classes", data.num_classes),
        )
        if not _same(getattr(arch, name), wanted)
    ]
    problems += [
        Problem(f"recipe.{each.key}", each.rule, each.value, each.remedy)
        for each in recipe_problems(recipe)
    ]
    if recipe.precision == "float16" and device.type == "cpu":
        problems.append(
            Problem(
                "recipe.precision",
                "must be float32 or bfloat16 on a CPU",
                recipe.precision,
                "or leave it at auto",
            )
        )
    if device.type != "cpu" and (problem := device_problem(str(device))):
        problems.append(problem)
    return problems
