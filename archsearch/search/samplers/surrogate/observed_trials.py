"""Finished and running trials of a study, and the trainings that they make up, for samplers."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import moocore
import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from archsearch.search.samplers.space_sampler import params_in
from archsearch.search.samplers.surrogate.curve_model import binned
from archsearch.space import Params, SearchSpace

Floats = NDArray[np.float64]
#: values of all objectives of a finished trial, in the study's order; None to learn nothing. Where
#: those of some trials depend on all complete ones, its method ``is_provisional`` tells which
Observe = Callable[[FrozenTrial], Sequence[float] | None]
#: the same after every epoch of a finished trial
ObserveCurve = Callable[[FrozenTrial], Sequence[Sequence[float]] | None]

#: user attribute of a trial that was evaluated at a rung: the index of the rung
RUNG = "rung"
#: points that a model learns from: a Cholesky factor of so many takes some milliseconds
_MAX_POINTS = 500


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
        curve: (K, M) objectives after every epoch, smaller is better, where these are known.
    """

    params: Params
    encoded: Floats
    finished: bool
    values: Floats | None
    attributes: Mapping[str, float]
    rung: int = 0
    curve: Floats | None = None

    @property
    def key(self) -> bytes:
        """What trials of one configuration share."""
        return self.encoded.tobytes()

    def feasible(self, limits: Mapping[str, float]) -> bool:
        """Tell whether every limit is kept; what is not known counts as kept."""
        return all(self.attributes.get(name, limit) <= limit for name, limit in limits.items())


@dataclass(frozen=True)
class Training:
    """What is known of one configuration at several fidelities.

    Attributes:
        trial: the latest finished one, or the running one where none has finished.
        bins: (K, M) objectives in the bins that it reached, smaller is better.
    """

    trial: ObservedTrial
    bins: Floats


class ObservedTrials:
    """Follows a study trial by trial.

    Args:
        space: trials that do not belong to it are passed over.
        observe: reads a finished trial.
        attributes: names of user attributes to remember.
        observe_curve: reads a finished trial epoch by epoch.
    """

    def __init__(
        self,
        space: SearchSpace,
        observe: Observe,
        attributes: Sequence[str],
        observe_curve: ObserveCurve | None = None,
    ) -> None:
        self._space = space
        self._observe = observe
        self._observe_curve = observe_curve
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
            curve = self._observe_curve(trial) if finished and self._observe_curve else None
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
                None if not curve else signs * np.asarray(curve, dtype=float),
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

    def key_of(self, number: int) -> bytes | None:
        """Return the key of trial ``number``; None where it does not belong to the space."""
        found = self._trials.get(number)
        return None if found is None else found.key

    def trainings(self, ends: Sequence[int], first: int | None = None) -> list[Training]:
        """Return the configurations with results, and those that are being evaluated.

        Args:
            ends: last epoch of each bin of a curve; without curves, a bin is a rung.
            first: results that count; None for all.
        """
        results: dict[bytes, list[ObservedTrial]] = {}
        for each in self.finished()[:first]:
            results.setdefault(each.key, []).append(each)
        running = {each.key: each for each in self.running()}
        found = [
            Training(latest, _bins(trials, ends))
            for trials in results.values()
            for latest in [max(trials, key=lambda trial: trial.rung)]
        ]
        width = found[0].bins.shape[1] if found else 0
        found += [
            Training(each, np.empty((0, width)))
            for key, each in running.items()
            if key not in results
        ]
        return found


def _bins(trials: Sequence[ObservedTrial], ends: Sequence[int]) -> Floats:
    """Return (K, M) objectives of one configuration in the bins that it reached."""
    curve = max(trials, key=lambda trial: trial.rung).curve
    if curve is not None:
        return binned(curve, ends)
    at_rung = {trial.rung: trial.values for trial in trials}
    reached = itertools.takewhile(at_rung.__contains__, itertools.count())
    rows = [at_rung[rung] for rung in reached]
    # a restart may have lost the lower ones
    return np.array(rows) if rows else np.empty((0, len(next(iter(at_rung.values())) or ())))


def front_ranks(values: Floats) -> NDArray[np.int64]:
    """Return the non-dominated rank of each of some points (N, M): 0 for the front."""
    if values.shape[1] > 1:
        return np.asarray(moocore.pareto_rank(values))
    return np.argsort(np.argsort(values[:, 0], kind="stable"), kind="stable")


def front_order(values: Floats, feasible: NDArray[np.bool_]) -> list[int]:
    """Return positions, those of the front first, feasible ones before others."""
    return [int(i) for i in np.lexsort((front_ranks(values), ~feasible))]


def most_informative(
    finished: Sequence[ObservedTrial], count: int = _MAX_POINTS
) -> list[ObservedTrial]:
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
