"""The 1,797 handwritten digits that come with scikit-learn: 8x8, grey, nothing to download."""

import numpy as np

from archsearch.data.array_splits import Labelled, splits_from_arrays
from archsearch.data.request import Request
from archsearch.data.splits import DataSplits
from archsearch.data.stratification import hold_out

_TEST_SHARE = 0.2


def load(request: Request) -> DataSplits:
    """Return the digits; the test split is the same for every seed."""
    from sklearn.datasets import load_digits  # takes a second

    data = load_digits()
    pixels = np.round(data.images * (255 / 16)).astype(np.uint8)[:, None]
    labels = data.target.astype(np.int64)
    # a test split that moved with the seed would be training data of the next seed's search
    rest, test = hold_out(labels, _TEST_SHARE, np.random.default_rng(0))
    return splits_from_arrays(
        request,
        Labelled(pixels[rest], labels[rest]),
        Labelled(pixels[test], labels[test]),
        tuple(str(name) for name in data.target_names),
    )
