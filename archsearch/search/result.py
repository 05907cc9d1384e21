"""The result of a `search`."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import optuna
from numpy.typing import NDArray

from archsearch.analysis import (
    RankCorrelation,
    correlation_of,
    hypervolume,
    nondominated,
)
from archsearch.search.evaluation import Direction, Evaluation


@dataclass(frozen=True)
class SearchResult:
    """The result of a `search`.

    Attributes:
        objectives: direction by name.
        trials: every trial, in the order of their results.
        stopped: why the search ended.
        study: the Optuna study.
        fidelities: of the rungs; empty in a search without.
    """

    objectives: Mapping[str, Direction]
    trials: tuple[Evaluation, ...]
    stopped: str
    study: optuna.Study = field(repr=False)
    fidelities: tuple[float, ...] = ()

    @property
    def evaluated(self) -> tuple[Evaluation, ...]:
        """Trials that have values at the last fidelity: the ones that may be compared."""
        last = self.fidelities[-1] if self.fidelities else None
        return tuple(trial for trial in self.trials if trial.values and trial.fidelity == last)

    @property
    def front(self) -> tuple[Evaluation, ...]:
        """Feasible trials that no other feasible trial dominates, by the first objective."""
        good = [trial for trial in self.evaluated if trial.feasible]
        if not good:
            return ()
        points = self.points(good)
        mask = nondominated(points, [d == "max" for d in self.objectives.values()])
        front = [trial for trial, kept in zip(good, mask, strict=True) if kept]
        return tuple(sorted(front, key=lambda trial: trial.values[next(iter(self.objectives))]))

    @property
    def best(self) -> Evaluation | None:
        """The feasible trial that is best in the first objective."""
        good = [trial for trial in self.evaluated if trial.feasible]
        name, direction = next(iter(self.objectives.items()))
        sign = -1.0 if direction == "max" else 1.0
        return min(good, key=lambda trial: sign * trial.values[name], default=None)

    @property
    def spent(self) -> float:
        """What all evaluations took, in units of fidelity; 1 each in a search without rungs."""
        if not self.fidelities:
            return float(len(self.trials))
        below = dict(zip(self.fidelities, (0.0, *self.fidelities[:-1]), strict=True))
        return sum(t.fidelity - below[t.fidelity] for t in self.trials if t.fidelity is not None)

    def _repr_html_(self) -> str:
        """Return how it ended, and its front, for a notebook; without scripts."""
        # loaded when asked for, as searches come before reports
        html: str = importlib.import_module("archsearch.report.notebook_html").search_html(self)
        return html

    def points(self, trials: Sequence[Evaluation]) -> NDArray[np.float64]:
        """Return the objectives of ``trials``: (N, M)."""
        rows = [[trial.values[name] for name in self.objectives] for trial in trials]
        return np.array(rows, dtype=np.float64).reshape(len(trials), len(self.objectives))

    def hypervolume(self, reference: Mapping[str, float]) -> float:
        """Return the hypervolume of the feasible trials at the last fidelity.

        Args:
            reference: the worst corner, by objective.
        """
        good = [trial for trial in self.evaluated if trial.feasible]
        corner = [reference[name] for name in self.objectives]
        maximise = [direction == "max" for direction in self.objectives.values()]
        return hypervolume(self.points(good), corner, maximise)

    def rank_correlations(self, objective: str = "") -> tuple[RankCorrelation, ...]:
        """Correlate every rung with the last one.

        Args:
            objective: whose values are compared; the first one by default.

        Returns:
            none for rungs with too few configurations, or with equal values throughout.
        """
        name = objective or next(iter(self.objectives))
        by_rung: dict[float, dict[int, float]] = {each: {} for each in self.fidelities}
        for trial in self.trials:
            if trial.fidelity is not None and trial.values:
                by_rung[trial.fidelity][trial.candidate] = trial.values[name]
        found = []
        for early in self.fidelities[:-1]:
            late = self.fidelities[-1]
            pairs = [
                (by_rung[early][c], v) for c, v in by_rung[late].items() if c in by_rung[early]
            ]
            found.append(correlation_of(pairs, early, late))
        return tuple(each for each in found if each is not None)
