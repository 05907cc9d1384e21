"""Promotion of paused candidates to the next fidelity: asynchronous, for several objectives.

A rung is a fidelity at which candidates are evaluated and then paused. Either a model chooses who
continues, and half of the effort goes into that (`ModelRungs`). Or the best share of those at a
rung may go on, whenever they come to be among the best (`Rungs`: asynchronous successive halving,
Li et al. 2020, section 3); the best are those of the lowest non-dominated rank, and among equals
those with the greatest contribution to the hypervolume (Schmucker et al. 2021, section 4). There,
only results of the same rung are compared.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, Protocol

import moocore
import numpy as np
from numpy.typing import NDArray

from archsearch.errors import InputError, Problem

Floats = NDArray[np.float64]

#: worst corner of hypervolume contributions, beyond the worst of the front, as a share of its span
_CORNER = 0.1
#: of a run that leaves its pauses to us
AUTO: Literal["auto"] = "auto"
#: the first candidates are evaluated to the end: they tell how far early results can be trusted
_FIRST_WHOLE = 4
#: share of the effort that goes into what was begun
_EFFORT = 0.5
#: share of a whole training after which candidates pause, and the least epochs that have a pause
_BRIEF, _FEWEST_EPOCHS = 0.2, 3


def promotion_order(points: Floats, feasible: NDArray[np.bool_]) -> list[int]:
    """Return positions, the best candidates first.

    Feasible ones come before others, then the non-dominated rank decides, then the contribution to
    the hypervolume of the rank, then who was there first.

    Args:
        points: (N, M) objectives at one fidelity, smaller is better.
        feasible: (N,) whether constraints are met.
    """
    order: list[int] = []
    for kind in (True, False):
        inside = np.flatnonzero(feasible == kind)
        if not len(inside):
            continue
        if points.shape[1] == 1:
            order += [int(i) for i in inside[np.argsort(points[inside, 0], kind="stable")]]
            continue
        ranks = moocore.pareto_rank(points[inside])
        for rank in range(int(ranks.max()) + 1):
            layer = inside[ranks == rank]
            gains = _contributions(points[layer])
            order += [int(i) for i in layer[np.argsort(-gains, kind="stable")]]
    return order


def _contributions(front: Floats) -> Floats:
    """Return what each point of a front adds to its hypervolume; the ends count as infinite."""
    low, span = front.min(axis=0), np.maximum(np.ptp(front, axis=0), 1e-12)
    scaled = (front - low) / span
    gains = np.asarray(moocore.hv_contributions(scaled, ref=np.full(front.shape[1], 1 + _CORNER)))
    for column in range(front.shape[1]):
        gains[int(np.argmin(scaled[:, column]))] = np.inf
    return gains


@dataclass(frozen=True)
class _Result:
    candidate: int
    point: tuple[float, ...] | None
    feasible: bool


class Rungs:
    """Keeps results by rung, and chooses the next candidate to promote.

    Args:
        fidelities: of the rungs, increasing.
        share: of the candidates at a rung that go on to the next; None for the ratio of the two
            fidelities, so that every rung gets about the same effort.
    """

    def __init__(self, fidelities: Sequence[float], share: float | None = None) -> None:
        self.fidelities = tuple(fidelities)
        self._shares = [share or low / high for low, high in pairwise(self.fidelities)]
        self._results: list[list[_Result]] = [[] for _ in self.fidelities]
        self._begun: list[set[int]] = [set() for _ in self.fidelities]

    def __len__(self) -> int:
        return len(self.fidelities)

    def cost(self, rung: int) -> float:
        """Return what an evaluation at ``rung`` adds to the one at the rung below."""
        return self.fidelities[rung] - (self.fidelities[rung - 1] if rung else 0.0)

    def begin(self, candidate: int, rung: int) -> None:
        """Note that ``candidate`` is being evaluated at ``rung``."""
        self._begun[rung].add(candidate)

    def tell(
        self, candidate: int, rung: int, point: Sequence[float] | None, feasible: bool = True
    ) -> None:
        """Take in a result.

        Args:
            candidate: any number that stands for it.
            rung: index of the fidelity.
            point: objectives, smaller is better; None when the evaluation failed.
            feasible: whether constraints are met.
        """
        self._begun[rung].add(candidate)
        values = None if point is None else tuple(float(value) for value in point)
        self._results[rung].append(_Result(candidate, values, feasible))

    def next(self, at_least: int = 0, is_last: bool = False) -> tuple[int, int] | None:
        """Return the candidate to promote and the rung it goes to; None when there is none.

        Higher rungs come first, so that nearly finished candidates are finished.

        Args:
            at_least: of a rung that go on, however few are there.
            is_last: no new candidate begins any more.
        """
        for rung in range(len(self) - 2, -1, -1):
            results = [each for each in self._results[rung] if each.point is not None]
            # a failure counts among those the best are chosen from
            places = math.floor(len(self._results[rung]) * self._shares[rung])
            places = max(places, at_least)
            if not results or not places:
                continue
            points = np.array([each.point for each in results], dtype=np.float64)
            feasible = np.array([each.feasible for each in results])
            for index in promotion_order(points, feasible)[:places]:
                candidate = results[index].candidate
                if candidate not in self._begun[rung + 1]:
                    return candidate, rung + 1
        return None


class Choose(Protocol):
    """Chooses who continues; see `ModelSampler.continue_with`."""

    def __call__(self, paused: Sequence[int], whole: Collection[int], is_last: bool) -> int | None:
        """Return one of ``paused``; None for none."""
        ...


class ModelRungs(Rungs):
    """Rungs at which a model chooses who continues, with half of the effort.

    Args:
        fidelities: of the rungs, increasing.
        choose: returns one of some paused candidates, or None.
    """

    def __init__(self, fidelities: Sequence[float], choose: Choose) -> None:
        super().__init__(fidelities)
        self._choose = choose
        # what was known when the model last chose none
        self._none_at: tuple[object, ...] = ()

    def next(self, at_least: int = 0, is_last: bool = False) -> tuple[int, int] | None:
        """Return the candidate to promote and the rung it goes to; None when there is none.

        Args:
            at_least: candidates at the last rung, whatever they cost.
            is_last: no new candidate begins any more: what is expected on the front is finished.
        """
        place = {
            each.candidate: rung
            for rung, results in enumerate(self._results[:-1])
            for each in results
            if each.point is not None and each.candidate not in self._begun[rung + 1]
        }
        if not place:
            return None
        paused, whole = sorted(place), self._begun[-1]
        if len(whole) < max(at_least, _FIRST_WHOLE):
            return paused[0], place[paused[0]] + 1
        if not is_last and self._promoted_cost > _EFFORT * (self._promoted_cost + self._new_cost):
            return None
        known = (is_last, *map(len, self._results), *map(len, self._begun))
        if known == self._none_at:
            return None
        chosen = self._choose(paused, sorted(whole), is_last)
        if chosen is None:
            self._none_at = known
            return None
        return chosen, place[chosen] + 1

    @property
    def _new_cost(self) -> float:
        return self.cost(0) * len(self._begun[0])

    @property
    def _promoted_cost(self) -> float:
        return sum(self.cost(rung) * len(self._begun[rung]) for rung in range(1, len(self)))


def automatic_rungs(epochs: int) -> tuple[int, ...]:
    """Return the epochs of the pause where none are given; empty for trainings too short for one.

    Examples:
        >>> automatic_rungs(27), automatic_rungs(4), automatic_rungs(2)
        ((5,), (1,), ())
    """
    return (max(1, round(_BRIEF * epochs)),) if epochs >= _FEWEST_EPOCHS else ()


def epoch_rungs(
    rungs: Sequence[int],
    share: float | None,
    epochs: int,
    choose: Choose | None = None,
) -> Rungs:
    """Return the rungs of a run; a single one for a run without.

    Args:
        rungs: epochs after which candidates pause, empty for none; that of a whole training may be
            left out.
        share: of the candidates at a rung that go on; None for the ratio of the two epochs.
        epochs: of a whole training.
        choose: chooses who continues, where no share is given.

    Raises:
        InputError: the rungs do not increase, or do not fit the epochs.
    """
    if not rungs:
        if share is not None:
            raise InputError(Problem("--promote", "needs --rungs", remedy="e.g. --rungs 2,6"))
        return Rungs((epochs,))
    below = [rung for rung in rungs if rung != epochs]
    problems = [
        Problem("--rungs", f"must be below the {epochs} epochs of a whole training", rung)
        for rung in below
        if rung > epochs
    ]
    if any(low >= high for low, high in pairwise(rungs)):
        problems.append(Problem("--rungs", "must increase", list(rungs), "e.g. --rungs 2,6"))
    if problems:
        raise InputError(problems)
    whole = (*below, epochs)
    return Rungs(whole, share) if share or choose is None else ModelRungs(whole, choose)
