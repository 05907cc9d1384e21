"""The 1,797 handwritten digits that come with scikit-learn: 8x8, grey, nothing to download."""

from dataclasses import dataclass

import numpy as np

from archsearch.data.array_splits import Labelled, splits_from_arrays
from archsearch.data.request import Request
from archsearch.data.splits import DataSplits
from archsearch.data.stratification import hold_out

#: by class index
CLASS_NAMES = tuple("0123456789")

_TEST_SHARE = 0.2


@dataclass(frozen=True, eq=False)
class Digits:
    """All digits, 8x8 each.

    Attributes:
        rest: to train on and to validate on.
        test: the same for every seed.
    """

    rest: Labelled
    test: Labelled


def read_digits() -> Digits:
    """Return the digits that scikit-learn carries."""
    from sklearn.datasets import load_digits  # takes a second

    data = load_digits()
    pixels = np.round(data.images * (255 / 16)).astype(np.uint8)[:, None]
    labels = data.target.astype(np.int64)
    # a test split that moved with the seed would be training data of the next seed's search
    rest, test = hold_out(labels, _TEST_SHARE, np.random.default_rng(0))
    images = Labelled(pixels, labels)
    return Digits(images.take(rest), images.take(test))


def load(request: Request) -> DataSplits:
    """Return the digits; the test split is the same for every seed."""
    digits = read_digits()
    return splits_from_arrays(request, digits.rest, digits.test, CLASS_NAMES)
