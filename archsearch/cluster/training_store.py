"""The store of finished trainings, keyed by all they depend on: nothing is trained twice."""

import contextlib
import hashlib
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field

from archsearch import __version__
from archsearch.arch import Arch, Spec
from archsearch.cluster.earlier_trainings import EarlierTrainings
from archsearch.cluster.job import FinishedEvent, Job
from archsearch.cluster.training_key import TRAINS_AS, TrainingKey
from archsearch.data import ArraySplit, DataSplits, FileSplit, Split
from archsearch.data.label import data_label
from archsearch.errors import ArchsearchError
from archsearch.files import write_text
from archsearch.record import EpochMetrics, Quantization
from archsearch.train import Recipe
from archsearch.train.recipe import Precision
from archsearch.train.recipe_defaults import resolved

logger = logging.getLogger(__name__)

#: of all runs of one folder, beside them
SHARED = ".trainings"
#: of one run or ablation, inside its folder: they move with it
OWN = "trainings"

#: about this many files of a split are read to distinguish data sets
_READ_FILES = 200
#: the precisions that a recipe with open precision may have used
_PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16", "float16")


class Training(Spec):
    """A finished training.

    Attributes:
        arch: the architecture; None for a network that is none, such as one of timm's.
        recipe: how it was trained.
        data: name of the data set.
        seed: of initialisation and data order.
        archsearch: version that trained it.
        trains_as: `TRAINS_AS` of that version; empty where it had none.
        images: digest of the training and validation images; empty where it was not noted.
        start: digest of the weights that it began with; empty for new ones alone.
        curve: one entry an epoch.
        test_accuracy: of the weights after the last epoch, 0 to 1; None if not evaluated.
        test_data: digest of the test images that it was counted on.
        quantizations: what it is worth in int8, by the runtime's key.
    """

    arch: Arch | None
    recipe: Recipe
    data: str
    seed: int
    archsearch: str = __version__
    trains_as: str = ""
    images: str = ""
    start: str = ""
    curve: tuple[EpochMetrics, ...]
    test_accuracy: float | None = None
    test_data: str = ""
    quantizations: dict[str, Quantization] = Field(default_factory=dict)

    @property
    def accuracy(self) -> float:
        """Validation accuracy (0 to 1) after the last epoch."""
        return self.curve[-1].accuracy

    @property
    def seconds(self) -> float:
        """Seconds that it took, evaluation included."""
        return sum(metrics.seconds for metrics in self.curve)


class TrainingStore:
    """One JSON file a training; several processes may share it.

    A training is written twice: into the folder of the run or ablation that needs it, so that a
    folder that is moved or copied trains nothing again, and beside all runs, for the others.

    Args:
        folder: of the run or ablation.
        others: folders of other runs whose trainings may be used, wherever they lie.
    """

    def __init__(self, folder: str | Path, others: Sequence[Path] = ()) -> None:
        self.own, self.shared = _places(Path(folder))
        elsewhere = [place for other in others for place in _places(other)]
        self._places = tuple(dict.fromkeys([self.own, self.shared, *elsewhere]))

    def find(self, key: TrainingKey) -> Training | None:
        """Return a finished training, None if there is none; copy it into the own folder."""
        name = key.file_name
        for place in self._places:
            training = _read(place / name)
            if training is not None:
                if place != self.own:
                    _write(self.own / name, training)
                return training
        return self._earlier(key)

    @cached_property
    def earlier(self) -> EarlierTrainings:
        """What lies in the own folder, by its content."""
        return EarlierTrainings(self.own)

    def _earlier(self, key: TrainingKey) -> Training | None:
        """Return a training that an earlier version kept under another name."""
        for file in self.earlier.of(key):
            if file.is_of(key) and (training := _read(file.path)) is not None:
                _write(self.own / key.file_name, training)
                return training
        return None

    def add(self, key: TrainingKey, training: Training) -> None:
        """Write a training so that a reader never sees half of it."""
        name = key.file_name
        _write(self.own / name, training)
        try:
            _write(self.shared / name, training, durable=False)
        except (ArchsearchError, OSError) as error:
            # the run has its own; others train it again
            logger.warning("a training was not shared: %s", error)


class Trainings:
    """The trainings on one data set: looks jobs up, and adds finished ones.

    Args:
        store: keeps them.
        data: what is trained on.
    """

    def __init__(self, store: TrainingStore, data: DataSplits) -> None:
        self._store = store
        self._data = data

    @cached_property
    def _data_digest(self) -> str:
        return data_digest(self._data)

    @cached_property
    def _test_digest(self) -> str:
        return _content(self._data.test).hex() if self._data.test is not None else ""

    def key(self, job: Job) -> TrainingKey:
        """Return what identifies the training of ``job``."""
        recipe = resolved(job.recipe, self._data)
        start = "" if job.start is None else job.start.digest
        return TrainingKey(job.arch.digest, recipe, self._data_digest, job.seed, start)

    def find(self, job: Job) -> Training | None:
        """Return the training that ``job`` asks for, None if there is none.

        Where the recipe leaves the precision open, one of any precision will do.
        """
        for key in _settled(self.key(job)):
            training = self._store.find(key)
            if training is None:
                continue
            if training.test_data != self._test_digest:
                # the same training, but counted on other test images
                quantizations = {
                    key: each.model_copy(
                        update={"test_accuracy": None, "float_test_accuracy": None}
                    )
                    for key, each in training.quantizations.items()
                }
                counted = {"test_accuracy": None, "test_data": "", "quantizations": quantizations}
                training = training.model_copy(update=counted)
            return training
        return None

    def unused(self, jobs: Iterable[Job]) -> str:
        """Return why trainings in the own folder are none of ``jobs``; empty for none of these."""
        return self._store.earlier.unused(self.key(job) for job in jobs)

    def made(self, event: FinishedEvent) -> Training:
        """Return the training of a job that ran to its last epoch."""
        return Training(
            arch=event.job.arch if isinstance(event.job.arch, Arch) else None,
            recipe=self._made_by(event).recipe,
            data=data_label(self._data.name),
            seed=event.job.seed,
            trains_as=TRAINS_AS,
            images=self._data_digest,
            start="" if event.job.start is None else event.job.start.digest,
            curve=event.curve,
        )

    def add(
        self,
        event: FinishedEvent,
        test_accuracy: float | None = None,
        quantizations: Mapping[str, Quantization] | None = None,
    ) -> None:
        """Store the training of a job that ran to its last epoch.

        Args:
            event: its end.
            test_accuracy: of the last weights in float32; None if not evaluated.
            quantizations: what they are worth in int8, by the runtime's key.
        """
        training = self.made(event)
        found: dict[str, Any] = {"quantizations": dict(quantizations or {})}
        if test_accuracy is not None:
            found |= {"test_accuracy": test_accuracy, "test_data": self._test_digest}
        training = training.model_copy(update=found)
        self._store.add(self._made_by(event), training)

    def _made_by(self, event: FinishedEvent) -> TrainingKey:
        key = self.key(event.job)
        return _with_precision(key, event.precision) if event.precision else key


def data_digest(data: DataSplits) -> str:
    """Return the identity of the training and validation splits: sha256 (64 hex digits).

    Images in memory count by content. Images in files count by label, name (relative to their
    class), size in bytes and the scale of their values, and some hundred of them by content: equal
    names alone may be another data set, or the same images prepared in another way.
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
    digest = hashlib.sha256(f"{split.scale.to_dict()}".encode())
    every = max(1, len(split.paths) // _READ_FILES)
    for index, path in enumerate(map(Path, split.paths)):
        digest.update("/".join(path.parts[-2:]).encode())
        # a file that was lost meanwhile is the trainer's to report
        with contextlib.suppress(OSError):
            digest.update(f" {path.stat().st_size}\n".encode())
            if index % every == 0:
                digest.update(path.read_bytes())
    return digest.digest()


def _settled(key: TrainingKey) -> Iterator[TrainingKey]:
    if key.recipe.precision != "auto":
        yield key
        return
    for precision in _PRECISIONS:
        yield _with_precision(key, precision)


def _with_precision(key: TrainingKey, precision: Precision) -> TrainingKey:
    recipe = key.recipe.model_copy(update={"precision": precision})
    return replace(key, recipe=recipe)


def _places(folder: Path) -> tuple[Path, Path]:
    """Return where a run's trainings are: inside its folder, and beside it."""
    path = Path(os.path.abspath(folder))
    return path / OWN, path.parent / SHARED


def _read(path: Path) -> Training | None:
    # unreadable, half a file, or of another layout: it is trained again
    with contextlib.suppress(OSError, ValueError):
        return Training.model_validate_json(path.read_text(encoding="utf-8"))
    return None


def _write(path: Path, training: Training, durable: bool = True) -> None:
    write_text(path, training.model_dump_json(indent=1) + "\n", durable=durable)
