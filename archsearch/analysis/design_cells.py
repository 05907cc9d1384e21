"""Evaluations of a factorial, one mean for each combination of levels."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archsearch.analysis.regression import Floats
from archsearch.errors import InputError, Problem

Ints = NDArray[np.int64]


class Cells(NamedTuple):
    """Combinations of levels with evaluations.

    Attributes:
        levels: (N, factors) place of each level.
        means: (N,) over the evaluations of each.
        counts: (N,) evaluations.
        noise: variance between evaluations of one combination; None without repeats.
        noise_df: its degrees of freedom.
    """

    levels: Ints
    means: Floats
    counts: Floats
    noise: float | None
    noise_df: float


def collapse(
    factors: Mapping[str, Sequence[str]],
    rows: Sequence[Mapping[str, str]],
    values: ArrayLike,
    seeds: Sequence[int] | None,
) -> Cells:
    """Average the evaluations of each combination; see `factorial_effects` for the arguments.

    Raises:
        InputError: a factor has one level or an unknown one, or there is no evaluation.
    """
    y = np.asarray(values, dtype=np.float64)
    if len(y) != len(rows) or (seeds is not None and len(seeds) != len(rows)):
        raise ValueError("`rows`, `values` and `seeds` must be equally long")
    problems = [
        Problem(name, "a factor needs at least two levels", list(levels), "drop it, or add a level")
        for name, levels in factors.items()
        if len(set(levels)) < 2
    ]
    for name, levels in factors.items():
        seen = {row.get(name, "") for row in rows}
        problems += [
            Problem(name, f"must be one of {', '.join(levels)}", level)
            for level in sorted(seen - set(levels))
        ]
    if problems or not len(y):
        raise InputError(problems or Problem("", "there is no evaluation to learn from"))
    places = {name: {level: i for i, level in enumerate(ls)} for name, ls in factors.items()}
    table = np.array([[places[name][row[name]] for name in factors] for row in rows])
    cells, index = np.unique(table, axis=0, return_inverse=True)
    index = index.ravel()
    counts = np.bincount(index).astype(np.float64)
    means = np.bincount(index, y) / counts
    noise, df = _noise(index, y, seeds)
    return Cells(cells, means, counts, noise, df)


def _noise(index: Ints, y: Floats, seeds: Sequence[int] | None) -> tuple[float | None, float]:
    """Return variance and degrees of freedom of evaluations of one combination."""
    columns = np.eye(index.max() + 1)[index]
    repeated = np.bincount(index)[index] > 1
    if not repeated.any():
        return None, 0.0
    if seeds is not None:
        _, seed_index = np.unique(np.asarray(seeds)[repeated], return_inverse=True)
        blocks = np.zeros((len(y), seed_index.max() + 1))
        blocks[repeated] = np.eye(seed_index.max() + 1)[seed_index]
        columns = np.hstack([columns, blocks])
    columns, y = columns[repeated], y[repeated]
    fitted, _, rank, _ = np.linalg.lstsq(columns, y, rcond=None)
    df = len(y) - int(rank)
    if df <= 0:
        return None, 0.0
    return float(((y - columns @ fitted) ** 2).sum() / df), float(df)
