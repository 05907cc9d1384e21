"""Finished trainings by what went into them, so that no study trains the same thing twice."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from archsearch import __version__
from archsearch.arch import Arch, Spec
from archsearch.data import ArraySplit, DataSplits, FileSplit, Split
from archsearch.files import write_text
from archsearch.record import EpochMetrics
from archsearch.train import Recipe

FOLDER = ".trainings"


@dataclass(frozen=True)
class TrainingKey:
    """Everything that the outcome of a training depends on.

    Attributes:
        arch: digest of the architecture, classes and channels of the data included.
        recipe: nothing left open.
        data: digest of the data splits.
        seed: of initialisation and data order.
    """

    arch: str
    recipe: Recipe
    data: str
    seed: int

    @property
    def digest(self) -> str:
        """Identity of the training: sha256 (64 hex digits)."""
        parts = {
            "archsearch": __version__,
            "arch": self.arch,
            "recipe": self.recipe.model_dump(mode="json"),
            "data": self.data,
            "seed": self.seed,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class Training(Spec):
    """A finished training.

    Attributes:
        arch: the architecture.
        recipe: how it was trained.
        data: name of the data set.
        seed: of initialisation and data order.
        archsearch: version that trained it.
        curve: one entry an epoch.
    """

    arch: Arch
    recipe: Recipe
    data: str
    seed: int
    archsearch: str = __version__
    curve: tuple[EpochMetrics, ...]

    @property
    def accuracy(self) -> float:
        """Validation accuracy (0 to 1) after the last epoch."""
        return self.curve[-1].accuracy


class TrainingStore:
    """One JSON file a training, below the folder of all runs; several processes may share it."""

    def __init__(self, runs_dir: str | Path) -> None:
        self.path = Path(runs_dir) / FOLDER

    def find(self, key: TrainingKey) -> Training | None:
        """Return a finished training, None if there is none."""
        path = self._file(key)
        try:
            return Training.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError:
            # not ours, or of another layout: train it again
            return None

    def add(self, key: TrainingKey, training: Training) -> None:
        """Write a training so that a reader never sees half of it."""
        write_text(self._file(key), training.model_dump_json(indent=1) + "\n", durable=True)

    def _file(self, key: TrainingKey) -> Path:
        return self.path / f"{key.digest[:32]}.json"


def data_digest(data: DataSplits) -> str:
    """Return the identity of the training and validation splits: sha256 (64 hex digits).

    Images in memory count by content; images in files by name and label, relative to their class.
    """
    digest = hashlib.sha256(f"{data.image_size} {data.in_channels} {data.num_classes}".encode())
    for split in (data.train, data.val):
        digest.update(split.labels.tobytes())
        digest.update(_content(split))
    return digest.hexdigest()


def _content(split: Split) -> bytes:
    if isinstance(split, ArraySplit):
        return hashlib.sha256(split.pixels.tobytes()).digest()
    assert isinstance(split, FileSplit), "there are two kinds of splits"
    names = "\n".join("/".join(Path(path).parts[-2:]) for path in split.paths)
    return names.encode()
