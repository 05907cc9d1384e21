"""Effects of choices, alone and together: how alike configurations are in those of each order.

A series holds covariances between configurations: in place 0 that of the mean, in places 1 to 6
those of the effects of that order, and in the last that of deviations of which every configuration
has its own.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from archsearch.space import Parameter

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

#: highest order of effects; what more choices do together counts as a configuration's own
ORDERS = 6
#: places of a series: the mean, effects by order, and what one configuration has to itself
PLACES = ORDERS + 2


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

    def series(self, columns: Iterable[int], left: Codes, right: Codes) -> Floats:
        """Return (N, M, PLACES) the series of some parameters, between rows of both."""
        found = np.broadcast_to(no_effects(), (len(left), len(right), PLACES)).copy()
        for column in columns:
            same = left[:, column][:, None] == right[:, column][None, :]
            found = times_one_more(found, self.likeness(column, left, right), same)
        return found


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
    return np.concatenate([[1.0], np.zeros(ORDERS), [1.0]])


def times(series: Floats, factor: Floats) -> Floats:
    """Return (..., PLACES) the product of two series, cut after the last order.

    The orders of a set of parameters are the product of (1 + likeness * s) over them, as
    coefficients of powers of s. Configurations are the same if they are in every parameter.
    """
    shape = np.broadcast_shapes(series.shape, factor.shape)
    found = np.zeros(shape)
    for order in range(ORDERS + 1):
        for part in range(order + 1):
            found[..., order] += series[..., part] * factor[..., order - part]
    found[..., -1] = series[..., -1] * factor[..., -1]
    return found


def times_one_more(series: Floats, likeness: Floats, same: NDArray[np.bool_]) -> Floats:
    """Return a series with one more parameter.

    Args:
        series: (..., PLACES) so far.
        likeness: (...) of the parameter's values.
        same: (...) whether they are the same.
    """
    found = series.copy()
    found[..., 1:-1] += series[..., :-2] * likeness[..., None]
    found[..., -1] *= same
    return found
