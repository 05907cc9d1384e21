"""Effects of choices, alone and together: how alike configurations are in those of each order."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from archsearch.space import Parameter

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

#: highest order of effects; what more choices do together counts as noise
ORDERS = 6


class Choices:
    """Configurations of a space as codes, and the prior covariances between their values.

    Args:
        parameters: of the space; one with a single value tells nothing and is left out.
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = tuple(each for each in parameters if len(each.values) > 1)
        self.tables = tuple(map(_value_covariances, self.parameters))

    def codes(self, configurations: Sequence[Mapping[str, object]]) -> Codes:
        """Return (N, P) the rank of each value; -1 where a parameter is not active."""
        found = np.full((len(configurations), len(self.parameters)), -1, dtype=np.int64)
        for row, configuration in enumerate(configurations):
            for column, parameter in enumerate(self.parameters):
                if parameter.name in configuration:
                    rank = parameter.rank(configuration[parameter.name])
                    found[row, column] = -1 if rank is None else rank
        return found

    def likeness(self, column: int, left: Codes, right: Codes) -> Floats:
        """Return (N, M) the prior covariances of one parameter's effects between rows of both."""
        return self.tables[column][left[:, column][:, None], right[:, column][None, :]]


def _value_covariances(parameter: Parameter) -> Floats:
    """Return (V + 1, V + 1) prior covariances of the effects of a parameter's values.

    Effects add up to zero over the values. Values of an ordered parameter are half as on a line.
    The last row and column stand for a parameter that is not active.
    """
    count = len(parameter.values)
    table = (count * np.eye(count) - 1.0) / (count - 1)
    if parameter.ordered and count > 2:
        line = np.arange(count) - (count - 1) / 2
        line /= math.sqrt(float(line @ line) / count)
        table = (table + np.outer(line, line)) / 2
    return np.pad(table, ((0, 1), (0, 1)))


def no_effects() -> Floats:
    """Return the series of no parameter at all; see `times`."""
    return np.append(1.0, np.zeros(ORDERS))


def times(series: Floats, factor: Floats) -> Floats:
    """Return (..., ORDERS + 1) the product of two series, cut after the last order.

    A series holds for each order the covariance of the effects of that order. That of a set of
    parameters is the product of (1 + likeness * s) over them, as coefficients of powers of s.
    """
    shape = np.broadcast_shapes(series.shape, factor.shape)
    found = np.zeros(shape)
    for order in range(ORDERS + 1):
        for part in range(order + 1):
            found[..., order] += series[..., part] * factor[..., order - part]
    return found


def times_one_more(series: Floats, likeness: Floats) -> Floats:
    """Return a series times (1 + likeness * s): with one more parameter."""
    found = series.copy()
    found[..., 1:] += series[..., :-1] * likeness[..., None]
    return found
