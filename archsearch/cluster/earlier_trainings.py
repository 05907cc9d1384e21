"""Trainings of a folder by their content: those of earlier versions, and those of no use now.

The name of a training's file is a digest of all that it depends on. A version in which a recipe
has more fields, or that identifies trainings in another way, computes other names. So a training
that is not found by its name is looked for by network, recipe and seed. It counts where its name is
the one that its own version gave to the same network, recipe, images and seed.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from archsearch.arch import Arch
from archsearch.cluster.training_key import TRAINS_AS, TrainingKey
from archsearch.errors import ArchsearchError
from archsearch.train import Recipe


@dataclass(frozen=True)
class EarlierFile:
    """A file of a training.

    Attributes:
        path: the file.
        data: what it holds.
        arch: digest of its network; empty for one of timm's.
        recipe: its recipe as this version reads it; None where it cannot.
    """

    path: Path
    data: Mapping[str, Any]
    arch: str
    recipe: Recipe | None

    @property
    def trains_as(self) -> str:
        """What its version trained like."""
        return str(self.data.get("trains_as") or self.data.get("archsearch") or "")

    def is_of(self, key: TrainingKey) -> bool:
        """Return whether it surely is the training of ``key``."""
        return self.trains_as == TRAINS_AS and self._is_named_as(key)

    def why_not(self, key: TrainingKey) -> str:
        """Return in a few words why it is not the training of ``key``, or may not be."""
        if self.recipe is None:
            return "of a recipe that this version does not know"
        if not self._has_recipe(key):
            return "of another recipe"
        if str(self.data.get("start") or "") != key.start:
            return "from other initial weights"
        if self.trains_as != TRAINS_AS:
            version = self.data.get("archsearch")
            return f"by archsearch {version}, which may train differently"
        if self.data.get("images"):
            return "on other images"
        return "on other images, or on images that its version identified in another way"

    def _has_recipe(self, key: TrainingKey) -> bool:
        asked = key.recipe
        if self.recipe is not None and asked.precision == "auto":
            # any precision will do
            asked = asked.model_copy(update={"precision": self.recipe.precision})
        return self.recipe == asked

    def _is_named_as(self, key: TrainingKey) -> bool:
        if not self._has_recipe(key):
            return False
        named = key.digest_as(self.trains_as, self.data["recipe"])
        return self.path.stem == named[:32]


class EarlierTrainings:
    """The trainings in a folder, by network and seed; read once, when first asked for.

    Args:
        folder: of the files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, key: TrainingKey) -> tuple[EarlierFile, ...]:
        """Return the files of the same network and seed."""
        return tuple(self._files.get((key.arch, key.seed), ()))

    def unused(self, keys: Iterable[TrainingKey]) -> str:
        """Return why the trainings of these networks and seeds do not count; empty for none."""
        reasons: Counter[str] = Counter()
        for key in keys:
            reasons.update({each.why_not(key) for each in self.of(key)})
        if not reasons:
            return ""
        listed = ", ".join(f"{count} {why}" for why, count in reasons.most_common())
        return f"trained again, since what lies in {self._folder} is another training: {listed}"

    @cached_property
    def _files(self) -> dict[tuple[str, int], list[EarlierFile]]:
        found: dict[tuple[str, int], list[EarlierFile]] = {}
        for path in sorted(self._folder.glob("*.json")):
            file = _read(path)
            if file is not None and file.arch:
                found.setdefault((file.arch, file.data["seed"]), []).append(file)
        return found


def _read(path: Path) -> EarlierFile | None:
    """Return a file of a training; None where it is none that can be read."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        arch = Arch.model_validate(data["arch"]).digest if data["arch"] else ""
        int(data["seed"])
        recipe = data["recipe"]
    except (OSError, ValueError, KeyError, TypeError, ArchsearchError):
        return None
    try:
        return EarlierFile(path, data, arch, Recipe.model_validate(recipe))
    except (ValueError, ArchsearchError):
        return EarlierFile(path, data, arch, None)
