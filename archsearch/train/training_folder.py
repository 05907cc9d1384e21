"""The folder of one full training: configuration, checkpoint and results."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from archsearch.arch import value_from
from archsearch.data.label import data_label
from archsearch.errors import InputError, Problem
from archsearch.files import folder_problem, is_file, read_json, replacing, write_text
from archsearch.record import EpochMetrics
from archsearch.train.recipe import Recipe
from archsearch.train.trainer import Trainer
from archsearch.yaml_source import YamlSource

#: a checkpoint at the end of each epoch, and within longer ones after this many seconds
CHECKPOINT_SECONDS = 600.0
_NO_VALUE = object()


@dataclass(frozen=True)
class TrainingFolder:
    """Files of one training: ``config.json``, ``checkpoint.pt``, and what is written at the end.

    Attributes:
        path: the folder.
    """

    path: Path

    @property
    def weights(self) -> Path:
        """Trained weights."""
        return self.path / "model.safetensors"

    @property
    def arch(self) -> Path:
        """The architecture."""
        return self.path / "model.yaml"

    @property
    def definition(self) -> Path:
        """The Python file, where that was trained."""
        return self.path / "model.py"

    @property
    def result(self) -> Path:
        """Accuracies and what each epoch showed."""
        return self.path / "result.json"

    @property
    def inherited(self) -> Path:
        """What was taken from the weights that it began with, tensor by tensor."""
        return self.path / "inherited.json"

    @property
    def _config(self) -> Path:
        return self.path / "config.json"

    @property
    def _checkpoint(self) -> Path:
        return self.path / "checkpoint.pt"

    def problem(self) -> Problem | None:
        """Return why no training can be written here; None if one can."""
        if os.path.isdir(self.path) and not self._may_hold_training:
            rule = "must be a new folder or one of a training"
            return Problem("--output", rule, str(self.path), "name another folder")
        return folder_problem("--output", self.path)

    @property
    def _may_hold_training(self) -> bool:
        return self._config.is_file() or not any(self.path.iterdir())

    def exists(self) -> bool:
        """Return whether a training was started in this folder."""
        return is_file(self._config)

    @property
    def function(self) -> str:
        """Name of the function that makes the network, where a Python file was trained."""
        begun = json.loads(self._config.read_text(encoding="utf-8"))
        return str(begun.get("network", {}).get("function", "create_model"))

    @property
    def recipe(self) -> Recipe | None:
        """Recipe of the training that was started in this folder; None without one.

        Raises:
            InputError: the file is damaged.
        """
        begun = read_json(self._config) if self.exists() else None
        if not isinstance(begun, dict) or not isinstance(begun.get("recipe"), dict):
            return None
        return value_from(Recipe, YamlSource(str(self._config), begun["recipe"]))

    def open(self, config: dict[str, Any]) -> None:
        """Begin here, or go on if what is here was started with an equal ``config``.

        Raises:
            InputError: it was started with another, or the folder holds something else.
        """
        config = json.loads(json.dumps(config))
        if self._config.is_file():
            begun = read_json(self._config)
            if problems := _differences(_portable(begun, config), config, str(self.path)):
                raise InputError(problems)
            return
        if problem := self.problem():
            raise InputError(problem)
        self.write(self._config, json.dumps(config, indent=2) + "\n")

    def resume(self, trainer: Trainer) -> list[EpochMetrics]:
        """Bring ``trainer`` to where this training stands; return what its epochs showed."""
        if not self._checkpoint.is_file():
            return []
        saved = torch.load(self._checkpoint, map_location="cpu", weights_only=True)
        trainer.load_state_dict(saved["trainer"])
        return [EpochMetrics(**each) for each in saved["epochs"]]

    def save(self, trainer: Trainer, epochs: list[EpochMetrics]) -> None:
        """Write a checkpoint in one move: a kill leaves this one or the one before."""
        shown = [each.model_dump() for each in epochs]
        with replacing(self._checkpoint, durable=True) as draft:
            torch.save({"trainer": trainer.state_dict(), "epochs": shown}, draft)

    def write(self, path: Path, text: str) -> None:
        """Write a text file of this folder in one move."""
        write_text(path, text)


def _portable(begun: Any, now: Mapping[str, Any]) -> Any:
    """Return the configuration of an earlier version in today's form.

    It named the data by their path, which another machine does not have, and did not describe the
    images.
    """
    data = begun.get("data") if isinstance(begun, dict) else None
    if not isinstance(data, dict) or "images" in data or "images" not in now.get("data", {}):
        return begun
    noted = {"name": data_label(str(data.get("name", ""))), "images": now["data"]["images"]}
    return {**begun, "data": {**data, **noted}}


def _differences(begun: object, now: object, folder: str, key: str = "") -> list[Problem]:
    """Return a problem for each value that is not as it was."""
    if isinstance(begun, dict) and isinstance(now, dict):
        found = []
        for name in begun | now:
            inner = f"{key}.{name}" if key else name
            was, value = begun.get(name, _NO_VALUE), now.get(name, _NO_VALUE)
            found += _differences(was, value, folder, inner)
        return found
    if begun == now:
        return []
    was = "absent" if begun is _NO_VALUE else repr(begun)
    return [
        Problem(
            key,
            f"must be {was}, as in the training in {folder}",
            None if now is _NO_VALUE else now,
            "name another folder with --output",
        )
    ]
