"""Configurations as vectors of fixed width, for models that learn from them."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from archsearch.space.parameter import Parameter, Params


class Encoding:
    """Maps configurations to vectors; different configurations have different vectors.

    A conditional parameter has one column that tells whether it is active; all its columns are 0
    when it is not. An ordered parameter has one column, its rank from 0 to 1; any other has one
    column for each value. A parameter with a single value needs none.

    Attributes:
        columns: what each column says, e.g. ``stages.0.depth`` or ``stages.0.ffn=mlp``.
        groups: (C,) index of the parameter that each column belongs to.
        weights: (C,) that make two values of an unordered parameter 1 apart in city blocks, as
            the ends of an ordered one are.
    """

    def __init__(self, parameters: Iterable[Parameter]) -> None:
        columns: list[str] = []
        groups: list[int] = []
        weights: list[float] = []
        self._parameters: list[tuple[Parameter, int, int]] = []
        for index, parameter in enumerate(parameters):
            active = len(columns) if parameter.conditional else -1
            if parameter.conditional:
                columns.append(f"{parameter.name} is active")
            self._parameters.append((parameter, active, len(columns)))
            if len(parameter.values) >= 2:
                if parameter.ordered:
                    columns.append(parameter.name)
                else:
                    columns.extend(f"{parameter.name}={value}" for value in parameter.values)
            added = len(columns) - len(groups)
            groups += [index] * added
            weights += [0.5 if "=" in name else 1.0 for name in columns[-added:]] if added else []
        self.columns = tuple(columns)
        self.groups = np.array(groups, dtype=np.int64)
        self.weights = np.array(weights)
        self._ranks = {
            parameter.name: {
                (isinstance(value, bool), value): parameter.rank(value)
                for value in parameter.values
            }
            for parameter, _, _ in self._parameters
        }

    def encode(self, params: Params) -> NDArray[np.float64]:
        """Return the vector (C,) of active parameters ``params``."""
        row = np.zeros(len(self.columns))
        for parameter, active, start in self._parameters:
            if parameter.name not in params:
                continue
            if active >= 0:
                row[active] = 1.0
            if len(parameter.values) < 2:
                continue
            value = params[parameter.name]
            rank = self._ranks[parameter.name][isinstance(value, bool), value]
            assert rank is not None
            if parameter.ordered:
                row[start] = rank / (len(parameter.values) - 1)
            else:
                row[start + rank] = 1.0
        return row
