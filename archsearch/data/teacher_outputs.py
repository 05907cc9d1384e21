"""A teacher's outputs on the training images: computed once, read by every training."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Halves = NDArray[np.float16]
Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TeacherOutputs:
    """What a teacher says of every training image, and of its mirror image where that is used.

    ``V`` is 1, the images, or 2, the images and their mirror images.

    Attributes:
        teacher: digest of the teacher.
        logits: (N, V, classes), the highest of each image 0, which no softmax sees; None where
            only features are used.
        features: (N, V, D) pooled features of length 1; None where only logits are used.
    """

    teacher: str
    logits: Halves | None
    features: Halves | None

    @property
    def views(self) -> int:
        """1 for the images, 2 for images and mirror images."""
        return int(self._any.shape[1])

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(each.nbytes for each in (self.logits, self.features) if each is not None)

    def __len__(self) -> int:
        return len(self._any)

    @property
    def _any(self) -> Halves:
        found = self.logits if self.logits is not None else self.features
        assert found is not None, "a teacher says something"
        return found

    def logits_of(self, indices: Indices, mirrored: Indices) -> Halves | None:
        """Return fresh logits (B, classes) of the images at ``indices``; None where not used.

        Args:
            indices: (B,) of the images.
            mirrored: (B,) 1 for those that are mirrored, else 0.
        """
        return None if self.logits is None else self.logits[indices, mirrored]

    def features_of(self, indices: Indices, mirrored: Indices) -> Halves | None:
        """Return fresh features (B, D), as `logits_of`."""
        return None if self.features is None else self.features[indices, mirrored]
