"""Student's t distribution.

Of `scipy.special`: `scipy.stats` computes the same, and importing it takes half a second.
"""

import math

from scipy.special import ndtr, ndtri, stdtr, stdtrit


def t_quantile(probability: float, df: float) -> float:
    """Return the value that t with ``df`` degrees of freedom (may be infinite) stays below."""
    return float(ndtri(probability) if math.isinf(df) else stdtrit(df, probability))


def t_two_sided_p(t: float, df: float) -> float:
    """Return the chance that t with ``df`` degrees of freedom is at least ``t`` in size."""
    return 2.0 * float(ndtr(-abs(t)) if math.isinf(df) else stdtr(df, -abs(t)))
