"""Draw subsets that keep the share of every class."""

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def draw(
    labels: NDArray[np.int64], count: int, rng: np.random.Generator, least: int = 1
) -> Indices:
    """Return ``count`` sorted indices, spread over the classes as ``labels`` are.

    Every class keeps at least ``least`` images where it has them and ``count`` allows it; what
    rounding leaves over goes to the classes with the largest remainders.
    """
    classes, sizes = np.unique(labels, return_counts=True)
    quota = sizes * (count / len(labels))
    taken = np.floor(quota).astype(np.int64)
    lowest = np.minimum(sizes, least)
    if count >= lowest.sum():
        taken = np.maximum(taken, lowest)
    # most deserving first; a stable sort keeps ties in the order of the classes
    order = np.argsort(-(quota - taken), kind="stable")
    for position in range(abs(count - int(taken.sum()))):
        if count > taken.sum():
            taken[order[position % len(order)]] += 1
        else:
            # from the largest, which are those that the minimum did not lift
            taken[np.argmax(np.where(taken > lowest, taken, -1))] -= 1
    chosen = [
        rng.permutation(np.flatnonzero(labels == label))[:number]
        for label, number in zip(classes, taken, strict=True)
    ]
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def hold_out(
    labels: NDArray[np.int64], share: float, rng: np.random.Generator
) -> tuple[Indices, Indices]:
    """Return sorted indices ``(kept, held)``; ``held`` is about ``share`` of every class."""
    count = max(len(np.unique(labels)), round(share * len(labels)))
    held = draw(labels, count, rng)
    kept = np.setdiff1d(np.arange(len(labels), dtype=np.int64), held, assume_unique=True)
    return kept, held
