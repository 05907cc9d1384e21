"""The task of a `search`: objectives, constraints and known values."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna

from archsearch.activity import doing
from archsearch.arch import Arch
from archsearch.errors import InputError, Problem, nearest
from archsearch.search.evaluation import Direction
from archsearch.space import Params, SearchSpace

#: what is evaluated: the architecture, or the parameters of a flat space
Configuration = Arch | Params
KnownValue = Callable[[Any], float]
#: user attribute of a trial that holds its values by name
VALUES = "values"
#: the same after every epoch, a list by name, where the evaluator tells
CURVES = "curves"

#: configurations that are looked at before a constraint is said to be out of reach
_LOOKED_AT = 5000


@dataclass(frozen=True)
class Task:
    """The task of a `search`.

    Attributes:
        space: what is searched.
        objectives: direction by name.
        constraints: upper limit by name.
        known: functions for values that need no evaluation, by name.
    """

    space: SearchSpace
    objectives: dict[str, Direction]
    constraints: dict[str, float]
    known: dict[str, KnownValue]

    def configuration(self, params: Params) -> Configuration:
        """Return what the evaluator is called with."""
        return params if self.space.is_flat else self.space.arch(params)

    def known_value(self, name: str, params: Params) -> float:
        """Return one value that needs no evaluation."""
        return self._known(name, self.configuration(params))

    def known_values(self, params: Params) -> dict[str, float]:
        """Return all of them."""
        configuration = self.configuration(params)
        return {key: self._known(key, configuration) for key in self.known}

    def _known(self, name: str, configuration: Configuration) -> float:
        with doing(f"computing {name}"):  # by a user's function, which may hang
            return float(self.known[name](configuration))

    @property
    def known_limits(self) -> dict[str, float]:
        """Constraints on values that need no evaluation."""
        return {key: limit for key, limit in self.constraints.items() if key in self.known}

    def meets_known(self, params: Params) -> bool:
        """Tell whether the constraints on known values are met."""
        if not (limits := self.known_limits):
            return True
        configuration = self.configuration(params)
        return all(self._known(key, configuration) <= limits[key] for key in limits)

    def is_feasible(self, values: Mapping[str, float]) -> bool:
        """Tell whether every constraint is met; what is missing is not."""
        return all(values.get(key, math.inf) <= limit for key, limit in self.constraints.items())

    def violations(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return by which share each constraint is exceeded; what is not known counts as kept."""
        return {
            key: (values[key] - limit) / (abs(limit) or 1.0) if key in values else 0.0
            for key, limit in self.constraints.items()
        }

    def point(self, values: Mapping[str, float]) -> list[float]:
        """Return the objectives, smaller is better."""
        return [-values[n] if d == "max" else values[n] for n, d in self.objectives.items()]

    def observe(self, trial: optuna.trial.FrozenTrial) -> list[float] | None:
        """Return what a trial showed at its own rung."""
        values = trial.user_attrs.get(VALUES)
        return [values[name] for name in self.objectives] if values else None

    def observe_curve(self, trial: optuna.trial.FrozenTrial) -> list[list[float]] | None:
        """Return what a trial showed after every epoch; None where its evaluator does not tell."""
        curves, values = trial.user_attrs.get(CURVES), trial.user_attrs.get(VALUES)
        if not curves or not values:
            return None
        epochs = max(len(curve) for curve in curves.values())
        columns = [curves.get(name, [values[name]] * epochs) for name in self.objectives]
        return [list(row) for row in zip(*columns, strict=True)]

    def checked(self, returned: Any) -> tuple[dict[str, float], list[str]]:
        """Return what the evaluator returned as floats, and the names that have no finite one.

        Raises:
            InputError: something is missing.
        """
        if not isinstance(returned, Mapping):
            rule = "must return a mapping of names to values"
            raise InputError(Problem("evaluate", rule, returned, "e.g. {'error': 0.1}"))
        needed = [key for key in (*self.objectives, *self.constraints) if key not in self.known]
        names = [str(key) for key in returned]
        missing = [key for key in dict.fromkeys(needed) if key not in returned]
        if missing:
            raise InputError(
                [
                    Problem(key, "the evaluator does not return it", names, nearest(key, names))
                    for key in missing
                ]
            )
        values = {str(key): _number(value) for key, value in returned.items()}
        bad = [key for key in dict.fromkeys(needed) if not math.isfinite(values[key])]
        return {key: value for key, value in values.items() if math.isfinite(value)}, bad

    def unreachable(self) -> InputError:
        """Return the error that nothing keeps the known constraints."""
        limits = self.known_limits
        rng = np.random.default_rng(0)
        few = self.space.count() <= _LOOKED_AT
        seen = (
            self.space.enumerate() if few else (self.space.sample(rng) for _ in range(_LOOKED_AT))
        )
        lowest = dict.fromkeys(limits, math.inf)
        for params in seen:
            for key in limits:
                lowest[key] = min(lowest[key], self.known_value(key, params))
        alone = [key for key, limit in limits.items() if lowest[key] > limit]
        if alone:
            return InputError(
                [
                    Problem(
                        f"constraints.{key}",
                        f"no configuration of {self.space.name} is so low",
                        limits[key],
                        f"the lowest found is {lowest[key]:g}",
                    )
                    for key in alone
                ]
            )
        kept = ", ".join(f"{key} <= {limit:g}" for key, limit in limits.items())
        rule = f"contradict each other: no configuration of {self.space.name} keeps all of {kept}"
        return InputError(Problem("constraints", rule, remedy="raise one of the limits"))


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
