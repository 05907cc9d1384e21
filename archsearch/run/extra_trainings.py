"""Trainings that a run got after its search, to make an explanation clearer."""

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


def read_extra_trainings(folder: RunFolder) -> list[ExtraTraining]:
    """Return what was trained for explanations of a run.

    Raises:
        InputError: the file cannot be read.
    """
    path = folder.path / _FILE
    if not is_file(path):
        return []
    data: Any = read_json(path)
    try:
        return [ExtraTraining.model_validate(each) for each in data["trainings"]]
    except (KeyError, TypeError, ValidationError) as error:
        rule = "does not hold trainings of an explanation"
        raise InputError(Problem("", rule, remedy="remove it", file=str(path))) from error


def add_extra_training(folder: RunFolder, training: ExtraTraining) -> None:
    """Add a training to those of a run."""
    every = [*read_extra_trainings(folder), training]
    write_json(folder.path / _FILE, {"trainings": [each.to_dict() for each in every]})
