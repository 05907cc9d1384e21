"""Trainings that a run got after its search for explanations, and the paths planned for them."""

from typing import Any

from pydantic import ValidationError

from archsearch.arch import Spec
from archsearch.errors import InputError, Problem
from archsearch.files import is_file, read_json, write_json
from archsearch.run.run_folder import RunFolder

_FILE = "explained.json"


class ExtraTraining(Spec):
    """A network of the space that was trained for an explanation.

    Attributes:
        params: active parameters in the space.
        seed: of initialisation and data order; recipe and images are the run's.
        accuracy: validation accuracy, 0 to 1, of the last epoch.
    """

    params: dict[str, str | int | float | bool]
    seed: int
    accuracy: float


class PlannedPath(Spec):
    """The order of the choices from one network to another, as it was first planned.

    Attributes:
        baseline: active parameters of the one.
        target: active parameters of the other.
        steps: names of the parameters that each step changes.
        expected: gain of each step by the model of then, as a share.
    """

    baseline: dict[str, str | int | float | bool]
    target: dict[str, str | int | float | bool]
    steps: tuple[tuple[str, ...], ...]
    expected: tuple[float, ...]


class Extras(Spec):
    """What explanations added to a run.

    Attributes:
        trainings: of networks of the space.
        paths: that were planned; later trainings change the model, and not these.
    """

    trainings: tuple[ExtraTraining, ...] = ()
    paths: tuple[PlannedPath, ...] = ()


def read_extras(folder: RunFolder) -> Extras:
    """Return what explanations added to a run.

    Raises:
        InputError: the file cannot be read.
    """
    path = folder.path / _FILE
    if not is_file(path):
        return Extras()
    data: Any = read_json(path)
    try:
        return Extras.model_validate(data)
    except ValidationError as error:
        rule = "does not hold trainings of an explanation"
        raise InputError(Problem("", rule, remedy="remove it", file=str(path))) from error


def read_extra_trainings(folder: RunFolder) -> tuple[ExtraTraining, ...]:
    """Return what was trained for explanations of a run.

    Raises:
        InputError: the file cannot be read.
    """
    return read_extras(folder).trainings


def add_extra_training(folder: RunFolder, training: ExtraTraining) -> None:
    """Add a training to those of a run."""
    known = read_extras(folder)
    _write(folder, known.model_copy(update={"trainings": (*known.trainings, training)}))


def add_path(folder: RunFolder, path: PlannedPath) -> None:
    """Keep a path that was planned."""
    known = read_extras(folder)
    _write(folder, known.model_copy(update={"paths": (*known.paths, path)}))


def _write(folder: RunFolder, extras: Extras) -> None:
    write_json(folder.path / _FILE, extras.to_dict())
