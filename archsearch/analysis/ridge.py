"""Ridge regression on choices, with leave-one-out predictions."""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

_RIDGE = 0.3


def one_hot(choices: Sequence[Mapping[str, Hashable]]) -> NDArray[np.float64]:
    """Return (N, D): one column for each value of each parameter, and one of ones."""
    columns: dict[tuple[str, Hashable], int] = {}
    for each in choices:
        for pair in each.items():
            columns.setdefault(pair, len(columns))
    matrix = np.zeros((len(choices), len(columns) + 1))
    matrix[:, -1] = 1.0
    for row, each in enumerate(choices):
        matrix[row, [columns[pair] for pair in each.items()]] = 1.0
    return matrix


def leave_one_out(features: ArrayLike, values: ArrayLike) -> NDArray[np.float64]:
    """Return the leave-one-out prediction of each value; (N,).

    In closed form: residuals over one minus the leverage, where the mean is a feature.

    Args:
        features: (N, D), the last column all ones.
        values: (N,).
    """
    x, y = np.asarray(features, dtype=np.float64), np.asarray(values, dtype=np.float64)
    penalty = _RIDGE * np.eye(x.shape[1])
    penalty[-1, -1] = 1e-9
    solved = np.linalg.solve(x.T @ x + penalty, x.T)
    leverage = np.einsum("ij,ji->i", x, solved)
    residuals = (y - x @ (solved @ y)) / np.maximum(1.0 - leverage, 1e-6)
    result: NDArray[np.float64] = y - residuals
    return result
