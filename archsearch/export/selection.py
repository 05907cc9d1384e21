"""The selected source of an export: a trial of a run, a training, a file, or a zoo model."""

import keyword
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archsearch import zoo
from archsearch.analysis import choose
from archsearch.arch import Arch, load_arch
from archsearch.errors import InputError, Problem
from archsearch.export.description import Origin
from archsearch.files import read_json
from archsearch.run import load_run
from archsearch.run.run_folder import find_run
from archsearch.train import ModelFile, TrainingFolder, open_model_file


@dataclass(frozen=True)
class Selection:
    """What to export.

    Attributes:
        network: an architecture, or a function of a Python file.
        origin: where it comes from.
        weights: trained weights that were kept with it; None for none.
        folder: of a training; None for other sources.
    """

    network: Arch | ModelFile
    origin: Origin
    weights: Path | None = None
    folder: Path | None = None

    @property
    def arch(self) -> Arch:
        """The architecture.

        Raises:
            InputError: it is a Python file.
        """
        if isinstance(self.network, ModelFile):
            raise InputError(
                Problem(
                    "",
                    "must be an architecture, and is a Python file",
                    None,
                    "name the run, an architecture file (.yaml) or zoo:NAME",
                    file=str(self.network.path),
                )
            )
        return self.network


def select(source: str, trial: str = "best", runs_dir: str | Path = "runs") -> Selection:
    """Find what to export.

    Args:
        source: ``zoo:NAME``; an architecture file (``.yaml``) or a Python file (``model.py``,
            ``model.py:function``), to which weights of the same name beside it belong; the folder
            of a training; or a run: its folder or name.
        trial: ``best``, ``knee`` or a number; for a run.
        runs_dir: folder of all runs.

    Raises:
        InputError: there is no such model, file, run or trial; the run has no finished trial; or
            the training has not ended.
    """
    if source.startswith("zoo:"):
        name = source.removeprefix("zoo:")
        return Selection(zoo.arch(name), Origin(name=name))
    if source.endswith((".yaml", ".yml")):
        path = Path(source)
        return Selection(load_arch(source), _origin(path), _weights(path))
    place, _, function = source.rpartition(":")
    if source.endswith(".py") or place.endswith(".py"):
        return _of_file(Path(source if source.endswith(".py") else place), function, place != "")
    folder = TrainingFolder(Path(source))
    if folder.exists():
        return _of_training(folder)
    if source.startswith("timm:"):
        rule = "is a network of timm, which archsearch cannot take apart"
        remedy = "archsearch profile measures it; to train it, return it from a function in a file"
        raise InputError(Problem(source, rule, remedy=remedy))
    try:
        run = load_run(source, runs_dir)
    except InputError:
        if source in zoo.names():
            remedy = f"did you mean zoo:{source}?"
            raise InputError(Problem(source, "is no run", remedy=remedy)) from None
        raise
    record = choose(run, trial)
    weights = find_run(source, runs_dir).checkpoint(record.digest)
    return Selection(
        record.arch,
        Origin(run, record, f"{run.name}-trial{record.number}"),
        weights if weights.is_file() else None,
    )


def _of_training(folder: TrainingFolder) -> Selection:
    if not folder.result.is_file() or not folder.weights.is_file():
        raise InputError(
            Problem(
                "",
                "the training in this folder has not ended",
                str(folder.path),
                "give the same archsearch train command again: it goes on",
            )
        )
    if folder.arch.is_file():
        found = select(str(folder.arch))
    else:
        found = _of_file(folder.definition, folder.function, named=True)
    return Selection(found.network, found.origin, found.weights, folder.path)


def _of_file(path: Path, function: str, named: bool) -> Selection:
    """Return a Python file; one of a training has the classes that it was trained for."""
    training = _training(path)
    classes = len(training.get("data", {}).get("class_names") or ()) or None
    if not named:
        folder = TrainingFolder(path.parent)
        function = folder.function if training else "create_model"
    network = open_model_file(f"{path}:{function}", classes)
    return Selection(network, _origin(path), _weights(path))


def _origin(path: Path) -> Origin:
    training = _training(path)
    return Origin(name=path.resolve().parent.name if training else path.stem, training=training)


def _weights(path: Path) -> Path | None:
    beside = path.with_suffix(".safetensors")
    return beside if beside.is_file() else None


def _training(definition: Path) -> dict[str, Any]:
    """Return what `archsearch train` wrote beside a definition; empty for none."""
    folder = TrainingFolder(definition.parent)
    if definition not in (folder.arch, folder.definition) or not folder.result.is_file():
        return {}
    found: dict[str, Any] = read_json(folder.result)
    return found


def identifier(name: str) -> str:
    """Return ``name`` as a name for a Python function: ``my-run`` becomes ``my_run``."""
    kept = "".join(char if f"_{char}".isidentifier() else "_" for char in name)
    word = re.sub("_+", "_", kept).strip("_").lower() or "model"
    return word if word.isidentifier() and not keyword.iskeyword(word) else f"model_{word}"
