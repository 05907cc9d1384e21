"""What an objective is expected to be at the highest rung, given results of all rungs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archsearch.search.rung_model import Level, RungModel, Seen
from archsearch.search.told import Told
from archsearch.space import Params

Floats = NDArray[np.float64]
#: value of something that needs no evaluation
Known = Callable[[Params], float | None]


@dataclass(frozen=True)
class Pending:
    """A configuration without a result at the highest rung.

    Attributes:
        told: its highest result, or the running trial where there is none.
        rung: of that result; -1 for none.
        running: whether it is being evaluated; else it is paused.
    """

    told: Told
    rung: int
    running: bool


def pending(levels: Sequence[Sequence[Told]], running: Sequence[Told]) -> list[Pending]:
    """Return the configurations that are running or paused below the highest of ``levels``."""
    done = {each.key for each in levels[-1]}
    highest = {each.key: each for level in levels[:-1] for each in level}
    found = {}
    for each in running:
        if each.key not in done:
            below = highest.get(each.key)
            found[each.key] = Pending(below or each, below.rung if below else -1, True)
    for key, each in highest.items():
        if key not in done and key not in found:
            found[key] = Pending(each, each.rung, False)
    return list(found.values())


class Forecast:
    """One objective, smaller being better.

    Args:
        objective: its position.
        sign: -1 where the study maximises it.
        known: computes it without evaluating; None, or returning None, has it learnt.
        model: learns it.
        levels: results, the lowest rung first.
        others: configurations that have no result at the highest rung.

    Attributes:
        believed: (K,) what ``others`` are expected to reach.
    """

    def __init__(
        self,
        objective: int,
        sign: float,
        known: Known | None,
        model: RungModel,
        levels: Sequence[Sequence[Told]],
        others: Sequence[Pending],
    ) -> None:
        self._sign, self._known, self._model = sign, known, model
        self._data = _data(levels, objective)
        self._is_fitted = False
        self.believed = np.empty(0)
        if others:
            computed = self._computed([each.told.params for each in others])
            self.believed = self._believe(objective, others) if computed is None else computed

    def predict(self, params: Sequence[Params], x: Floats) -> tuple[Floats, Floats]:
        """Return mean (M,) and deviation (M,) of configurations and their encodings (M, C)."""
        computed = self._computed(params)
        if computed is not None:
            return computed, np.zeros(len(params))
        if not self._is_fitted:
            self._model.fit(self._data)
            self._is_fitted = True
        return self._model.predict(x)

    def _computed(self, params: Sequence[Params]) -> Floats | None:
        if self._known is None:
            return None
        values = [self._known(each) for each in params]
        if None in values:
            return None
        return self._sign * np.array(values, dtype=float)

    def _believe(self, objective: int, others: Sequence[Pending]) -> Floats:
        """Predict ``others``; have those that are running count as if it had come so."""
        x = np.array([each.told.encoded for each in others])
        rungs = np.array([each.rung for each in others])
        reached = [np.nan if o.rung < 0 else _value(o.told, objective) for o in others]
        self._model.fit(self._data)
        means = self._model.means(x, Seen(rungs, np.array(reached)))
        running = np.array([each.running for each in others])
        extended = []
        for rung, level in enumerate(self._data):
            new = running & (rungs < rung)
            below = means[rung - 1][new] if rung else np.full(int(new.sum()), np.nan)
            extended.append(
                Level(
                    np.concatenate([level.x, x[new]]),
                    np.append(level.y, means[rung][new]),
                    np.append(level.below, below),
                )
            )
        self._data = extended
        return means[-1]


def _value(told: Told, objective: int) -> float:
    assert told.values is not None, "only told trials have a rung"
    return float(told.values[objective])


def _data(levels: Sequence[Sequence[Told]], objective: int) -> list[Level]:
    data = []
    lower: dict[bytes, float] = {}
    for level in levels:
        values = {each.key: _value(each, objective) for each in level}
        below = np.array([lower.get(each.key, np.nan) for each in level])
        x = np.array([each.encoded for each in level])
        data.append(Level(x, np.array([_value(each, objective) for each in level]), below))
        lower = values
    return data
