"""What the choices of a space tell about accuracy and latency, from the trials of one run."""

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

_RIDGE = 0.3
#: fewer values than this beyond the levels leave nothing to tell an effect from chance
FEWEST = 8


class Explained(NamedTuple):
    """Share of a number's variance that one choice explains.

    Attributes:
        name: of the parameter.
        share: of the variance, corrected for the number of levels; 0 to 1.
        levels: values that occur, "not there" included.
        n: values behind it.
    """

    name: str
    share: float
    levels: int
    n: int


def explained_share(levels: Sequence[Hashable], values: ArrayLike) -> float:
    """Return omega squared of a one-way analysis of variance, not below 0.

    Eta squared rises with every level that is added, whatever it means; omega squared takes out
    what chance would explain (Hays, Statistics for Psychologists, 1963).

    Args:
        levels: (N,) group of each value.
        values: (N,) numbers.
    """
    y = np.asarray(values, dtype=np.float64)
    groups = [y[[level == each for each in levels]] for level in dict.fromkeys(levels)]
    within = sum(float(((group - group.mean()) ** 2).sum()) for group in groups)
    total = float(((y - y.mean()) ** 2).sum()) if len(y) else 0.0
    spare = len(y) - len(groups)
    if len(groups) < 2 or spare < 1 or total <= 0:
        return 0.0
    noise = within / spare
    return max(0.0, (total - within - (len(groups) - 1) * noise) / (total + noise))


def choice_effects(
    choices: Sequence[Mapping[str, Hashable]], values: Sequence[float]
) -> tuple[Explained, ...]:
    """Return what each parameter explains of ``values`` alone, the most first.

    A parameter that a trial does not have counts as a level of its own. Parameters that never
    vary, or whose levels are nearly as many as the trials, are left out.
    """
    names = dict.fromkeys(name for each in choices for name in each)
    found = []
    for name in names:
        levels = [each.get(name) for each in choices]
        count = len(set(levels))
        if 1 < count <= len(values) - FEWEST:
            share = explained_share(levels, values)
            found.append(Explained(name, share, count, len(values)))
    return tuple(sorted(found, key=lambda each: (-each.share, each.name)))


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
    """Return for each value what a ridge regression on all the others predicts; (N,).

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
