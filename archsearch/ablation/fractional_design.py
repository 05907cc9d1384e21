"""The combinations of a factorial to train when there are too many: a D-optimal fraction."""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Design = NDArray[np.int64]

#: prior variance of a two-way interaction, in units of the noise's; small keeps the fraction
#: about main effects, and breaks ties among equal ones in favour of the interactions
_INTERACTION_VARIANCE = 0.1
_STARTS = 8
_MAX_PASSES = 50


def full_factorial(num_levels: Sequence[int]) -> Design:
    """Return every combination of levels, the first levels first, (combinations, factors)."""
    return np.array(list(itertools.product(*map(range, num_levels))), np.int64)


def fractional_factorial(num_levels: Sequence[int], count: int, seed: int = 0) -> Design:
    """Return ``count`` combinations that estimate main effects best, and interactions next.

    Maximises det(X'X + K): X codes intercept, main effects and two-way interactions, and K is the
    inverse prior variance of the interactions (DuMouchel and Jones, "A simple Bayesian
    modification of D-optimal designs", Technometrics 36, 1994), by exchanging rows (Fedorov).
    The combination of first levels, the base, is always among them.

    Args:
        num_levels: levels of each factor, at least 2 each.
        count: combinations wanted, at least 1 + the sum of (levels - 1).
        seed: of the starting designs.

    Returns:
        (count, factors), in the order of `full_factorial`.
    """
    candidates = full_factorial(num_levels)
    if count >= len(candidates):
        return candidates
    coded, num_main = _coded(candidates, num_levels)
    precision = np.zeros(coded.shape[1])
    precision[num_main:] = 1 / _INTERACTION_VARIANCE
    # an unestimable main effect must not make every determinant zero
    precision[:num_main] = 1e-6
    rng = np.random.default_rng(seed)
    best: tuple[float, NDArray[np.int64]] | None = None
    for _ in range(_STARTS):
        start = rng.choice(np.arange(1, len(candidates)), count - 1, replace=False)
        rows = _exchanged(coded, np.concatenate([[0], start]), precision)
        value = _log_det(coded[rows], precision)
        if best is None or value > best[0] + 1e-9:
            best = value, rows
    assert best is not None
    return candidates[np.sort(best[1])]


def _exchanged(
    coded: NDArray[np.float64], rows: NDArray[np.int64], precision: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Swap rows, never the base's, while that raises the determinant."""
    rows = rows.copy()
    for _ in range(_MAX_PASSES):
        swapped = False
        for position in range(1, len(rows)):
            others = np.delete(rows, position)
            kept = coded[others]
            inverse = np.linalg.inv(kept.T @ kept + np.diag(precision))
            # det(A + xx') = det(A) (1 + x' inv(A) x)
            gain = np.einsum("ij,jk,ik->i", coded, inverse, coded)
            # a combination is trained once
            gain[others] = -np.inf
            new = int(np.argmax(gain))
            if gain[new] > gain[rows[position]] + 1e-9:
                rows[position], swapped = new, True
        if not swapped:
            break
    return rows


def _log_det(coded: NDArray[np.float64], precision: NDArray[np.float64]) -> float:
    return float(np.linalg.slogdet(coded.T @ coded + np.diag(precision))[1])


def _coded(candidates: Design, num_levels: Sequence[int]) -> tuple[NDArray[np.float64], int]:
    """Return the model matrix and how many of its columns are intercept and main effects."""
    blocks = []
    for factor, levels in enumerate(num_levels):
        # orthonormal contrasts against the mean of the levels, scaled to a mean square of 1
        basis = np.linalg.qr(np.column_stack([np.ones(levels), np.eye(levels)[:, 1:]]))[0]
        blocks.append(basis[candidates[:, factor], 1:] * np.sqrt(levels))
    pairs = [
        (left[:, :, None] * right[:, None, :]).reshape(len(candidates), -1)
        for left, right in itertools.combinations(blocks, 2)
    ]
    main = np.column_stack([np.ones(len(candidates)), *blocks])
    return np.column_stack([main, *pairs]), main.shape[1]
