"""Marginal effects of choices on accuracy, on latency, and on accuracy at equal latency."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from archsearch.analysis.factorial import holm
from archsearch.analysis.regression import Estimate, Fit, Floats, has_full_rank

Choice = str | int | float | bool
#: fewer trials than this say nothing about a value
FEWEST = 4


class Marginal(NamedTuple):
    """One value of one parameter, over the trials in which the parameter was active.

    Differences are to the mean of the parameter's values, each value counted once.

    Attributes:
        parameter: its name.
        value: the value.
        num_trials: complete trials that have it.
        accuracy: their mean accuracy, 0 to 1.
        difference: in accuracy, trials as they came.
        at_latency: in accuracy at equal latency.
        latency: difference in log latency.
        p: that ``at_latency`` is 0, Holm's correction over all values of all parameters.
    """

    parameter: str
    value: Choice
    num_trials: int
    accuracy: float
    difference: Estimate
    at_latency: Estimate
    latency: Estimate
    p: float


def choice_marginals(
    params: Sequence[Mapping[str, Choice]], accuracy: ArrayLike, latency_ms: ArrayLike
) -> tuple[Marginal, ...]:
    """Return the marginals of every parameter with two or more values that occur often enough.

    Each parameter has regressions of its own, on contrasts that add up to zero over its values:
    accuracy on these alone, accuracy on these and on log latency and its square, and log latency
    on these. The effects of other parameters are noise in them (`Fit`); where the search paired
    values of two parameters, both get the effect: a marginal is no ablation.

    Args:
        params: active parameters of each trial.
        accuracy: (N,) 0 to 1.
        latency_ms: (N,).
    """
    y = np.asarray(accuracy, dtype=np.float64)
    log_ms = np.log(np.asarray(latency_ms, dtype=np.float64))
    names = dict.fromkeys(name for each in params for name in each)
    rows = [row for name in names for row in _marginals(name, params, y, log_ms)]
    adjusted = holm([row.p for row in rows])
    return tuple(row._replace(p=p) for row, p in zip(rows, adjusted, strict=True))


def _marginals(
    name: str, params: Sequence[Mapping[str, Choice]], accuracy: Floats, log_ms: Floats
) -> list[Marginal]:
    known = [(i, each[name]) for i, each in enumerate(params) if name in each]
    counts: dict[Choice, int] = {}
    for _, value in known:
        counts[value] = counts.get(value, 0) + 1
    values = sorted((v for v, n in counts.items() if n >= FEWEST), key=_order)
    known = [(i, value) for i, value in known if value in values]
    if len(values) < 2 or len(known) < len(values) + 4:
        return []
    rows = np.array([i for i, _ in known])
    code = np.vstack([np.eye(len(values) - 1), -np.ones(len(values) - 1)])
    columns = code[[values.index(value) for _, value in known]]
    x = np.hstack([np.ones((len(rows), 1)), columns])
    y, ms = accuracy[rows], log_ms[rows]
    centred = ms - ms.mean()
    beside = np.hstack([x, np.column_stack([centred, centred**2])])
    plain, cost = Fit(x, y), Fit(x, ms)
    # where the choice alone decides the latency, nothing is at equal latency
    adjusted = Fit(beside, y) if has_full_rank(beside) else None
    found = []
    for index, value in enumerate(values):
        contrast = np.append(0.0, code[index])
        at_latency = Estimate(0.0, 0.0, 0.0)
        if adjusted is not None:
            at_latency = adjusted.estimate(np.append(contrast, [0.0, 0.0]))
        mean = float(y[[v == value for _, v in known]].mean())
        found.append(
            Marginal(
                name,
                value,
                counts[value],
                mean,
                plain.estimate(contrast),
                at_latency,
                cost.estimate(contrast),
                at_latency.p,
            )
        )
    return found


def _order(value: Choice) -> tuple[bool, float, str]:
    """Numbers by size, words by name."""
    return (isinstance(value, str), 0.0 if isinstance(value, str) else float(value), str(value))
