"""The files of a teacher's outputs, in the folder of a run, an ablation or a training."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from archsearch.data import TeacherOutputs
from archsearch.errors import InputError
from archsearch.files import is_file, read_json, replacing, write_json
from archsearch.train.teacher import Teacher

_FOLDER = "teacher"


@dataclass(frozen=True)
class StoredOutputs:
    """``teacher/``: arrays, and whose they are.

    Attributes:
        folder: of the run, ablation or training.
        images: digest of the data.
        views: 1 for images, 2 for images and mirror images.
    """

    folder: Path
    images: str
    views: int

    def teacher(self) -> Teacher | None:
        """Return the teacher whose outputs on these images are here; None for none."""
        about = self._about()
        if about.get("images") != self.images or int(about.get("views", 0)) < self.views:
            return None
        try:
            return Teacher.model_validate(about.get("teacher"))
        except ValidationError:
            return None

    def suffice(self, asked: Teacher) -> bool:
        """Tell whether the arrays that a teacher's use needs are here, and whole."""
        if not is_file(self._note):
            return False
        try:
            outputs = self.read()
        except (OSError, ValueError, KeyError):
            return False
        return not (
            (asked.weight and outputs.logits is None)
            or (asked.feature_weight and outputs.features is None)
        )

    def read(self) -> TeacherOutputs:
        """Return the outputs; their arrays stay in the files until they are read.

        Raises:
            OSError: a file cannot be read.
            ValueError: an array is cut off.
        """
        about = self._about()
        arrays = {
            name: _mapped(self._file(name)) if name in about["arrays"] else None
            for name in ("logits", "features")
        }
        return TeacherOutputs(about["teacher"]["digest"], **arrays)

    def write(self, outputs: TeacherOutputs, teacher: Teacher) -> None:
        """Write the outputs; what says whose they are comes last, so that a kill leaves no half."""
        self._place.mkdir(parents=True, exist_ok=True)
        # a note of other outputs must not stand beside these
        self._note.unlink(missing_ok=True)
        arrays = {"logits": outputs.logits, "features": outputs.features}
        there = {name: array for name, array in arrays.items() if array is not None}
        for name, array in there.items():
            with replacing(self._file(name)) as draft, draft.open("wb") as file:
                np.save(file, array)
        about = {
            "teacher": teacher.to_dict(),
            "images": self.images,
            "views": outputs.views,
            "arrays": list(there),
        }
        write_json(self._note, about)

    @property
    def _place(self) -> Path:
        return self.folder / _FOLDER

    @property
    def _note(self) -> Path:
        return self._place / "about.json"

    def _file(self, name: str) -> Path:
        return self._place / f"{name}.npy"

    def _about(self) -> dict[str, Any]:
        try:
            found = read_json(self._note) if is_file(self._note) else {}
        except InputError:
            return {}
        return found if isinstance(found, dict) else {}


def _mapped(path: Path) -> NDArray[np.float16]:
    """Return an array that is read page by page; a plain one, which Ray shares between workers."""
    return np.asarray(np.load(path, mmap_mode="r"))
