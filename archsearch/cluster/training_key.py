"""What the outcome of a training depends on, and so what it is found by."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archsearch.train import Recipe

#: the version since which the same network, recipe, images and seed come to the same training; a
#: change that makes them come to another one raises it to the version that has it
TRAINS_AS = "0.1.0"


@dataclass(frozen=True)
class TrainingKey:
    """Everything that the outcome of a training depends on.

    Attributes:
        arch: digest of the network, classes and channels of the data included.
        recipe: nothing left open.
        data: digest of the data splits.
        seed: of initialisation and data order.
        start: digest of the weights that it began with; empty for new ones alone.
    """

    arch: str
    recipe: Recipe
    data: str
    seed: int
    start: str = ""

    @property
    def digest(self) -> str:
        """Identity of the training: sha256 (64 hex digits)."""
        return self.digest_as(TRAINS_AS, self.recipe.model_dump(mode="json"))

    def digest_as(self, trains_as: str, recipe: Mapping[str, Any]) -> str:
        """Return the digest that a version gave that trains as ``trains_as``.

        Args:
            trains_as: its `TRAINS_AS`; of versions that had none, the version itself.
            recipe: as plain data, with the fields that it had then.
        """
        parts = {
            "archsearch": trains_as,
            "arch": self.arch,
            "recipe": dict(recipe),
            "data": self.data,
            "seed": self.seed,
            # absent without: such a training has the name that it always had
            **({"start": self.start} if self.start else {}),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @property
    def file_name(self) -> str:
        """Name of the file that keeps the training."""
        return f"{self.digest[:32]}.json"
