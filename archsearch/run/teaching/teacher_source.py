"""What names a teacher, and where its definition and its weights lie."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archsearch.analysis import choose
from archsearch.arch import Arch, load_arch
from archsearch.data.label import last_part
from archsearch.errors import InputError, Problem
from archsearch.files import is_file, read_json
from archsearch.model.network import timm_config
from archsearch.run.run_folder import find_run
from archsearch.run.run_reader import load_run
from archsearch.run.teaching.opened_teacher import TeacherImages
from archsearch.run.teaching.teacher_memory import KEY, check_size
from archsearch.train import ModelFile, TrainingFolder, open_model_file
from archsearch.user_code import load_function

#: endings of files of weights
WEIGHTS = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar")
_FORMS = (
    "name timm:NAME, zoo:NAME@FILE, model.py, model.yaml, the folder of archsearch train, a run, "
    "or a file of weights beside its definition; DEFINITION@FILE names weights that lie elsewhere"
)


class TeacherAbsentError(InputError):
    """Nothing lies where the source of a teacher points."""


@dataclass(frozen=True)
class TeacherFiles:
    """A teacher of a definition and a file of weights, not yet built.

    Attributes:
        network: an architecture, or a function of a Python file.
        weights: its file of weights.
        data: what its training noted of its images: mean, std and class names; empty for nothing.
    """

    network: Arch | ModelFile
    weights: Path
    data: dict[str, Any]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of its classes, in the order of its outputs; empty where they are not known."""
        config = self.network.config if isinstance(self.network, ModelFile) else {}
        names = self.data.get("class_names") or config.get("label_names") or ()
        return tuple(map(str, names))

    @property
    def images(self) -> TeacherImages:
        """What it takes: as in its training, else as it declares."""
        network = self.network
        config = timm_config(network) if isinstance(network, Arch) else network.config
        found = self.data if self.data.get("mean") and self.data.get("std") else config
        mean, std = (
            tuple(float(each) for each in found.get(key) or (default,) * network.in_channels)
            for key, default in (("mean", 0.0), ("std", 1.0))
        )
        return TeacherImages(network.image_size, network.in_channels, mean, std)


def source_label(source: str) -> str:
    """Return a source without the folders of its author's machine."""
    definition, at, weights = _split(source)
    kind, colon, name = definition.partition(":")
    if kind in ("timm", "zoo") and colon:
        label = f"{kind}:{name}"
    else:
        label = last_part(os.path.abspath(definition) if definition in (".", "..") else definition)
    return f"{label}@{last_part(weights)}" if at else label


def weights_of(source: str) -> tuple[str, Path | None]:
    """Return the definition that a source names, and the file of weights if it names one."""
    definition, at, weights = _split(source)
    return definition, Path(weights) if at else None


def _split(source: str) -> tuple[str, str, str]:
    """Return definition, ``@`` and weights; what exists as it stands has no weights of its own."""
    if "@" not in source or os.path.exists(source):
        return source, "", ""
    return source.rpartition("@")


def find_files(source: str, runs_dir: str | Path) -> TeacherFiles:
    """Return definition and weights of a teacher that lies in files.

    Args:
        source: as the user gave it, neither ``timm:`` nor ``zoo:``.
        runs_dir: folder of all runs.

    Raises:
        TeacherAbsentError: nothing lies there.
        InputError: what lies there is no teacher.
    """
    definition, given = weights_of(source)
    place, _, function = definition.rpartition(":")
    is_code = definition.endswith(".py") or place.endswith(".py")
    if is_code or definition.endswith((".yaml", ".yml")):
        path = Path(place if is_code and not definition.endswith(".py") else definition)
        _check_there(path, definition)
        return _defined(path, given, function if path != Path(definition) else "")
    path = Path(definition)
    folder = TrainingFolder(path)
    if folder.exists():
        return _trained(folder, given)
    if path.suffix.lower() in WEIGHTS:
        _check_there(path, definition)
        return _beside(path)
    run, _, trial = definition.removeprefix("run:").partition("#")
    if find_run(run, runs_dir).exists():
        return _of_run(run, trial or "best", runs_dir)
    if is_file(path):
        rule = "must be a file of weights, or a definition (.py, .yaml)"
        raise InputError(Problem(KEY, rule, definition, _FORMS))
    raise TeacherAbsentError(Problem(KEY, "is no file, folder or run", definition, _FORMS))


def _check_there(path: Path, definition: str) -> None:
    if not is_file(path):
        raise TeacherAbsentError(
            Problem(KEY, "there is no such file", definition, "check the path")
        )


def _defined(path: Path, weights: Path | None, function: str) -> TeacherFiles:
    """Return a definition with the weights that are named, or lie beside it."""
    folder = TrainingFolder(path.parent)
    if folder.exists() and path in (folder.arch, folder.definition) and weights is None:
        return _trained(folder, None)
    beside = weights or path.with_suffix(".safetensors")
    if not is_file(beside):
        rule = "has no weights: there is no such file"
        remedy = f"put {path.stem}.safetensors beside it, or write {path.name}@FILE"
        raise TeacherAbsentError(Problem(KEY, rule, str(beside), remedy))
    return TeacherFiles(_network(path, function or "create_model"), beside, {})


def _network(path: Path, function: str, classes: int | None = None) -> Arch | ModelFile:
    if path.suffix != ".py":
        return load_arch(path)
    make = load_function(f"{path}:{function}")
    given = {"num_classes": classes or 2} if "num_classes" in make.missing() or classes else {}
    check_size(path.name, lambda: make(**given))
    return open_model_file(f"{path}:{function}", classes)


def _trained(folder: TrainingFolder, weights: Path | None) -> TeacherFiles:
    """Return the network of a training that has ended."""
    if not folder.result.is_file() or not folder.weights.is_file():
        rule = "has not ended: the folder has no weights of a whole training"
        remedy = "give the same archsearch train command again: it goes on"
        raise InputError(Problem(KEY, rule, str(folder.path), remedy))
    data = read_json(folder.result).get("data", {})
    if folder.arch.is_file():
        network = _network(folder.arch, "")
    else:
        classes = len(data.get("class_names") or ()) or None
        network = _network(folder.definition, folder.function, classes)
    return TeacherFiles(network, weights or folder.weights, data)


def _beside(weights: Path) -> TeacherFiles:
    """Return the network whose definition lies beside a file of weights."""
    stems = [weights.with_suffix(end) for end in (".yaml", ".yml", ".py")]
    shared = [weights.parent / name for name in ("model.yaml", "model.py")]
    found = next((each for each in (*stems, *shared) if is_file(each)), None)
    if found is None:
        rule = "has no definition beside it"
        remedy = f"put {weights.stem}.py or {weights.stem}.yaml there, or write DEFINITION@FILE"
        raise InputError(Problem(KEY, rule, str(weights), remedy))
    folder = TrainingFolder(weights.parent)
    if folder.exists() and found in (folder.arch, folder.definition):
        return _trained(folder, weights)
    return TeacherFiles(_network(found, "create_model"), weights, {})


def _of_run(run: str, trial: str, runs_dir: str | Path) -> TeacherFiles:
    """Return a trial of a run, with the weights that the run keeps of its front."""
    record = load_run(run, runs_dir)
    try:
        chosen = choose(record, trial)
    except InputError as error:
        raise InputError(
            [Problem(KEY, f"names no trained network: {p}", run) for p in error.problems]
        ) from None
    weights = find_run(run, runs_dir).checkpoint(chosen.digest)
    if not is_file(weights):
        rule = f"has no weights of trial {chosen.number}: a run keeps those of its front"
        remedy = f"train it: archsearch train {run} --trial {chosen.number}"
        raise InputError(Problem(KEY, rule, run, remedy))
    data = record.config.get("data")
    return TeacherFiles(chosen.arch, weights, dict(data) if isinstance(data, dict) else {})
