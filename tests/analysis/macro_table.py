"""NAS-Bench-Macro as a full factorial: 3^8 networks, 3 seeds each, accuracy on CIFAR-10.

Source: Su et al., Prioritized Architecture Sampling with Monto-Carlo Tree Search, CVPR 2021
(Apache-2.0); ``nas_bench_macro.npz`` holds the accuracies in units of 0.01 %, networks in the
order of their names, 00000000 to 22222222.
"""

from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LEVELS = ("0", "1", "2")
FACTORS = {f"layer_{i}": LEVELS for i in range(8)}
ROWS = [dict(zip(FACTORS, levels, strict=True)) for levels in product(LEVELS, repeat=8)]


def accuracies() -> NDArray[np.float64]:
    """Return (6561, 3) shares."""
    path = Path(__file__).parent.parent / "data" / "samples" / "nas_bench_macro.npz"
    with np.load(path) as data:
        return np.asarray(data["accuracy"] / 10_000)
