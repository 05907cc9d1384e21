"""Multi-objective evolution that never proposes a network twice.

Parents are drawn by tournament on non-dominated rank, then on crowding distance (Deb et al. 2002,
NSGA-II, section III); children are crossovers and mutations of them. Every proposal is valid,
unseen and, as far as is known beforehand, within the budgets.
"""

import itertools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import moocore
import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from archsearch.search.samplers.space_sampler import (
    SpaceExhaustedError,
    SpaceSampler,
    objective_signs,
    params_in,
)
from archsearch.space import Params, SearchSpace

logger = logging.getLogger(__name__)

Accept = Callable[[Params], bool]
#: picks one of several acceptable children
Choose = Callable[[Sequence[Params], np.random.Generator], int]


@dataclass(frozen=True)
class Member:
    """A finished candidate that can be a parent.

    Attributes:
        params: its parameters.
        objectives: smaller is better, one value an objective.
    """

    params: Params
    objectives: tuple[float, ...]


@dataclass(frozen=True)
class EvolutionOptions:
    """Settings of `propose`.

    Attributes:
        num_initial: random proposals before evolution begins.
        population: best members that parents are drawn from.
        crossover: share of children with two parents.
        random: share of proposals drawn at random, so that no region is given up.
        brood: acceptable children among which one is chosen.
        max_tries: children tried before a proposal is drawn at random instead.
    """

    num_initial: int = 10
    population: int = 16
    crossover: float = 0.4
    random: float = 0.1
    brood: int = 12
    max_tries: int = 200


def accept_all(params: Params) -> bool:
    """Accept every proposal."""
    return True


def choose_first(children: Sequence[Params], rng: np.random.Generator) -> int:
    """Choose the first child."""
    return 0


def propose(
    space: SearchSpace,
    members: Sequence[Member],
    seen: set[str],
    rng: np.random.Generator,
    options: EvolutionOptions = EvolutionOptions(),
    accept: Accept = accept_all,
    choose: Choose = choose_first,
) -> tuple[Params, str]:
    """Return the next parameters and their origin.

    Args:
        space: what is searched.
        members: finished candidates.
        seen: identities (`SearchSpace.digest_of`) that must not be proposed again.
        rng: source of randomness.
        options: settings.
        accept: tells whether a proposal can meet the budgets; asked before it is proposed.
        choose: picks one of a brood of unseen, acceptable children by what is known of them.

    Raises:
        SpaceExhaustedError: no unseen architecture is left.
    """
    if len(members) >= options.num_initial and rng.random() >= options.random:
        parents = _best(members, options.population)
        brood: dict[str, tuple[Params, str]] = {}
        for _ in range(options.max_tries):
            child, origin = _child(space, parents, rng, options)
            digest = space.digest_of(child)
            if digest not in seen and digest not in brood and accept(child):
                brood[digest] = (child, origin)
            if len(brood) == options.brood:
                break
        if brood:
            children = list(brood.values())
            return children[choose([child for child, _ in children], rng)]
    for wanted in (accept, accept_all):
        for _ in range(options.max_tries):
            params = space.sample(rng)
            if space.digest_of(params) not in seen and wanted(params):
                return params, "random"
    for params in itertools.islice(space.enumerate(), 1_000_000):
        if space.digest_of(params) not in seen:
            return params, "enumerated"
    raise SpaceExhaustedError("every architecture of the space has been tried")


@dataclass(frozen=True)
class _Ranked:
    member: Member
    rank: int
    crowding: float


def _best(members: Sequence[Member], count: int) -> list[_Ranked]:
    """Return the ``count`` best members by rank, then by crowding distance."""
    points = np.array([member.objectives for member in members], dtype=float)
    ranks = moocore.pareto_rank(points)
    ranked: list[_Ranked] = []
    for rank in range(int(ranks.max()) + 1):
        inside = np.flatnonzero(ranks == rank)
        distances = crowding_distance(points[inside])
        order = np.argsort(-distances, kind="stable")
        ranked += [_Ranked(members[inside[i]], rank, float(distances[i])) for i in order]
        if len(ranked) >= count:
            break
    return ranked[:count]


def crowding_distance(points: np.ndarray) -> np.ndarray:
    """Return the crowding distance of each point, summed over objectives.

    Args:
        points: ``(N, M)`` objectives of one non-dominated set.

    Returns:
        ``(N,)`` distances; infinite at the ends.
    """
    count, width = points.shape
    distance = np.zeros(count)
    for column in range(width):
        order = np.argsort(points[:, column], kind="stable")
        values = points[order, column]
        span = values[-1] - values[0]
        distance[order[0]] = distance[order[-1]] = np.inf
        if span > 0 and count > 2:
            distance[order[1:-1]] += (values[2:] - values[:-2]) / span
    return distance


def _child(
    space: SearchSpace,
    parents: Sequence[_Ranked],
    rng: np.random.Generator,
    options: EvolutionOptions,
) -> tuple[Params, str]:
    first = _tournament(parents, rng)
    if rng.random() < options.crossover and len(parents) > 1:
        second = _tournament(parents, rng)
        return space.mutate(space.crossover(first, second, rng), rng), "crossover"
    return space.mutate(first, rng, n=1 + int(rng.random() < 0.5)), "mutation"


def _tournament(parents: Sequence[_Ranked], rng: np.random.Generator) -> Params:
    i, j = rng.integers(len(parents), size=2)
    a, b = parents[int(i)], parents[int(j)]
    better = a if (a.rank, -a.crowding) <= (b.rank, -b.crowding) else b
    return better.member.params


class EvolutionSampler(SpaceSampler):
    """`propose` as an Optuna sampler: works in any study over the parameters of ``space``.

    Args:
        space: what is searched.
        seed: proposals depend on it and on what has finished, not on who asks.
        options: settings of the evolution.
        accept: see `propose`.
        choose: see `propose`.

    Attributes:
        origin: how the last proposal was made.
        exhausted: every architecture has been proposed; what it proposes now are repeats.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int = 0,
        options: EvolutionOptions = EvolutionOptions(),
        accept: Accept = accept_all,
        choose: Choose = choose_first,
    ) -> None:
        super().__init__(space, seed)
        self._options = options
        self._accept = accept
        self._choose = choose
        self._seen: dict[int, str] = {}
        self._members: dict[int, Member] = {}
        self._finished: set[int] = set()
        self.origin = "random"
        self.exhausted = False

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """Return all active parameters of one proposal."""
        self._learn(study, trial)
        rng = np.random.default_rng((self._seed, trial.number))
        members = [self._members[number] for number in sorted(self._members)]
        seen = set(self._seen.values())
        try:
            params, self.origin = propose(
                self._space, members, seen, rng, self._options, self._accept, self._choose
            )
        except SpaceExhaustedError:
            # raising here would leave the trial RUNNING for ever
            self.exhausted = True
            params, self.origin = self._space.sample(rng), "repeat"
        return dict(params)

    def _learn(self, study: optuna.Study, current: FrozenTrial) -> None:
        """Take in the trials that were not known yet."""
        signs = objective_signs(study)
        for trial in study.get_trials(deepcopy=False):
            if trial.number == current.number or trial.number in self._finished:
                continue
            if trial.state.is_finished():
                self._finished.add(trial.number)
            params = params_in(self._space, trial)
            if params is None:
                continue
            self._seen[trial.number] = self._space.digest_of(params)
            if trial.state == TrialState.COMPLETE:
                objectives = tuple(s * v for s, v in zip(signs, trial.values, strict=True))
                self._members[trial.number] = Member(params, objectives)
