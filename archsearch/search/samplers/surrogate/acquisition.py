"""Acquisition functions: the expected gain of evaluating a configuration; smaller is better.

A prediction is a normal distribution for each objective, independent of the others; a standard
deviation of 0 says that the value is known.
"""

import numpy as np
from numpy.polynomial.hermite import hermgauss
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]

_NODES = 7
_SAMPLES = 64


def expected_improvement(mean: Floats, deviation: Floats, best: float) -> Floats:
    """Return the mean of max(0, best - value) (Mockus 1978): (M,)."""
    deviation = np.maximum(deviation, 1e-12)
    z = (best - mean) / deviation
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    return np.asarray((best - mean) * ndtr(z) + deviation * density)


def hypervolume_improvement_2d(
    front: Floats, mean: Floats, deviation: Floats, reference: Floats
) -> Floats:
    """Return the mean gain of two-objective hypervolume: (M,).

    Exact where one objective is known: along the known one the dominated region is a staircase,
    and each step gains the expected improvement below it times its width (Emmerich, Giannakoglou
    and Naujoks 2006). An uncertain second objective is integrated by Gauss-Hermite quadrature.

    Args:
        front: (K, 2) non-dominated points.
        mean: (M, 2).
        deviation: (M, 2).
        reference: (2,) the worst corner.
    """
    points = front[(front < reference).all(axis=1)]
    points = points[np.argsort(points[:, 1], kind="stable")]
    # from the left end of each step on, the first objective is dominated above this level
    levels = np.minimum.accumulate(np.append(reference[0], points[:, 0]))
    left = np.append(-np.inf, points[:, 1])
    right = np.append(points[:, 1], reference[1])
    steps = [expected_improvement(mean[:, 0], deviation[:, 0], float(level)) for level in levels]

    def gain(second: Floats) -> Floats:
        total = np.zeros(len(second))
        for low, high, step in zip(left, right, steps, strict=True):
            total += np.clip(high - np.maximum(low, second), 0.0, None) * step
        return total

    if not deviation[:, 1].any():
        return gain(mean[:, 1])
    nodes, weights = hermgauss(_NODES)
    total = np.zeros(len(mean))
    for node, weight in zip(nodes, weights / np.sqrt(np.pi), strict=True):
        total += weight * gain(mean[:, 1] + np.sqrt(2) * node * deviation[:, 1])
    return total


def scalarized_improvement(
    values: Floats,
    mean: Floats,
    deviation: Floats,
    rng: np.random.Generator,
) -> Floats:
    """Return the mean gain of one random trade-off between many objectives: (M,).

    The trade-off is an augmented Chebyshev sum (Knowles 2006, ParEGO, section III) of objectives
    scaled to the range seen; its mean is taken over random draws, the same for every candidate.

    Args:
        values: (N, D) objectives of evaluated configurations.
        mean: (M, D).
        deviation: (M, D).
        rng: draws the trade-off and the samples.
    """
    low, span = values.min(axis=0), np.maximum(np.ptp(values, axis=0), 1e-12)
    weights = rng.dirichlet(np.ones(values.shape[1]))

    def cost(points: Floats) -> Floats:
        scaled = (points - low) / span * weights
        return np.asarray(scaled.max(axis=-1) + 0.05 * scaled.sum(axis=-1))

    best = float(cost(values).min())
    draws = rng.standard_normal((_SAMPLES, 1, values.shape[1]))
    gains = np.maximum(0.0, best - cost(mean + draws * deviation))
    return np.asarray(gains.mean(axis=0))


def probability_below(mean: Floats, deviation: Floats, limit: float) -> Floats:
    """Return the chance that a value is at most ``limit``: (M,)."""
    return np.asarray(ndtr((limit - mean) / np.maximum(deviation, 1e-12)))
