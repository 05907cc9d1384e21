"""Finished and running trials of a study, by rung, as samplers read them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import moocore
import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from archsearch.search.samplers.space_sampler import params_in
from archsearch.space import Params, SearchSpace

Floats = NDArray[np.float64]
#: values of all objectives of a finished trial, in the study's order; None to learn nothing. Where
#: those of some trials depend on all complete ones, its method ``is_provisional`` tells which
Observe = Callable[[FrozenTrial], Sequence[float] | None]

#: user attribute of a trial that was evaluated at a rung: the index of the rung
RUNG = "rung"
#: points that the models learn from: a Cholesky factor of so many takes some milliseconds
_MAX_POINTS = 500
#: results that a rung needs before it is learnt
_MIN_LEVEL = 4


@dataclass(frozen=True)
class ObservedTrial:
    """One trial of the study.

    Attributes:
        params: of its configuration.
        encoded: (C,) of its configuration.
        finished: whether it has ended.
        values: objectives, smaller is better; None without any.
        attributes: user attributes that are limited.
        rung: at which it was evaluated; 0 where there is one fidelity only.
    """

    params: Params
    encoded: Floats
    finished: bool
    values: Floats | None
    attributes: Mapping[str, float]
    rung: int = 0

    @property
    def key(self) -> bytes:
        """What trials of one configuration share."""
        return self.encoded.tobytes()

    def feasible(self, limits: Mapping[str, float]) -> bool:
        """Tell whether every limit is kept; what is not known counts as kept."""
        return all(self.attributes.get(name, limit) <= limit for name, limit in limits.items())


class ObservedTrials:
    """Follows a study trial by trial.

    Args:
        space: trials that do not belong to it are passed over.
        observe: reads a finished trial.
        attributes: names of user attributes to remember.
    """

    def __init__(self, space: SearchSpace, observe: Observe, attributes: Sequence[str]) -> None:
        self._space = space
        self._observe = observe
        self._attributes = tuple(attributes)
        self._trials: dict[int, ObservedTrial] = {}
        self._provisional: dict[int, FrozenTrial] = {}
        self._is_provisional: Callable[[FrozenTrial], bool] = getattr(
            observe, "is_provisional", lambda trial: False
        )

    def update(self, study: optuna.Study, current: int, signs: Floats) -> list[Params]:
        """Take in the trials that were not known yet, or were not finished.

        Args:
            study: the study.
            current: number of the trial that is being asked for.
            signs: (M,) -1 for objectives that are maximised.

        Returns:
            configurations that are new or have ended.
        """
        changed = []
        has_more = False
        for trial in study.get_trials(deepcopy=False):
            known = self._trials.get(trial.number)
            if trial.number == current or (known is not None and known.finished):
                continue
            has_more |= trial.state == TrialState.COMPLETE
            if self._is_provisional(trial):
                self._provisional[trial.number] = trial
            params = params_in(self._space, trial)
            if params is None:
                continue
            finished = trial.state.is_finished()
            values = self._observe(trial) if finished else None
            self._trials[trial.number] = ObservedTrial(
                params,
                self._space.encode(params),
                finished,
                None if values is None else signs * np.asarray(values, dtype=float),
                {
                    name: float(trial.user_attrs[name])
                    for name in self._attributes
                    if name in trial.user_attrs
                },
                int(trial.user_attrs.get(RUNG, 0)),
            )
            changed.append(params)
        if has_more:
            self._look_again(signs)
        return changed

    def _look_again(self, signs: Floats) -> None:
        """Read by all complete trials what depends on them, in whatever order they ended."""
        for number, trial in self._provisional.items():
            values = self._observe(trial) if number in self._trials else None
            if values is not None:
                found = signs * np.asarray(values, dtype=float)
                self._trials[number] = replace(self._trials[number], values=found)

    def finished(self) -> list[ObservedTrial]:
        """Return the trials with values, by number."""
        return [each for _, each in sorted(self._trials.items()) if each.values is not None]

    def running(self) -> list[ObservedTrial]:
        """Return the trials that have not ended, by number."""
        return [each for _, each in sorted(self._trials.items()) if not each.finished]


def levels_of(finished: Sequence[ObservedTrial]) -> list[list[ObservedTrial]]:
    """Return trials by rung, from the lowest to the highest that has enough of them.

    At most `_MAX_POINTS` configurations: the most informative of the highest rung, then of the
    next.
    """
    by_rung: list[list[ObservedTrial]] = []
    for each in finished:
        while len(by_rung) <= each.rung:
            by_rung.append([])
        by_rung[each.rung].append(each)
    while len(by_rung) > 1 and len(by_rung[-1]) < _MIN_LEVEL:
        by_rung.pop()
    kept: set[bytes] = set()
    for level in reversed(by_rung):
        rest = [each for each in level if each.key not in kept]
        kept |= {each.key for each in most_informative(rest, _MAX_POINTS - len(kept))}
    return [[each for each in level if each.key in kept] for level in by_rung]


def front_order(values: Floats, feasible: NDArray[np.bool_]) -> list[int]:
    """Return positions, those of the front first, feasible ones before others."""
    ranks = (
        moocore.pareto_rank(values)
        if values.shape[1] > 1
        else np.argsort(np.argsort(values[:, 0], kind="stable"), kind="stable")
    )
    return [int(i) for i in np.lexsort((ranks, ~feasible))]


def most_informative(finished: Sequence[ObservedTrial], count: int) -> list[ObservedTrial]:
    """Return at most ``count`` trials: the best half by rank, and the latest."""
    if len(finished) <= count:
        return list(finished)
    values = np.array([each.values for each in finished])
    order = front_order(values, np.ones(len(finished), dtype=bool))
    chosen = set(order[: count // 2])
    for index in range(len(finished) - 1, -1, -1):
        if len(chosen) >= count:
            break
        chosen.add(index)
    return [finished[i] for i in sorted(chosen)]
