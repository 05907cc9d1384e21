"""The sampler of a run, and the objectives that it knows before training."""

import functools
import statistics
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from archsearch.record import TrialRecord
from archsearch.run.config import SearchConfig
from archsearch.run.latency.latency_regression import LatencyRegression
from archsearch.search.samplers.evolution import Choose
from archsearch.search.samplers.registry import SAMPLERS, SamplerOptions, check_sampler
from archsearch.search.samplers.surrogate.objective_prediction import Known
from archsearch.search.samplers.surrogate.observed_trials import Observe, ObserveCurve
from archsearch.search.study_store import RECORD
from archsearch.space import Params, SearchSpace

#: a run trains tens of candidates: NSGA-II breeds from that many
_POPULATION = 16
Observed = TypeVar("Observed")
#: samplers whose proposals depend on the seed and the trial's number alone
_OURS = ("model", "evolution")


def build_sampler(
    config: SearchConfig, space: SearchSpace, guess: LatencyRegression, rungs: Sequence[float] = ()
) -> optuna.samplers.BaseSampler:
    """Return the sampler of a run.

    Args:
        config: what is asked for.
        space: what is searched.
        guess: latency model that the run keeps up to date.
        rungs: epochs at which candidates pause, and those of a whole training; with fewer than two
            every candidate is trained to the end.

    Raises:
        InputError: there is no such sampler.
    """
    check_sampler(config.sampler)
    names = list(config.directions)
    observe: Observe = RungObserver(names) if len(rungs) > 1 else CurveObserver(names)
    observe_curve: ObserveCurve = EpochObserver(names)
    if config.inherits:
        observe, observe_curve = InheritedOnly(observe), InheritedOnly(observe_curve)
    options = SamplerOptions(
        known={at: _guessed(guess, name) for at, name in enumerate(names) if name != "accuracy"},
        ideal={names.index("accuracy"): 1.0},
        accept=functools.partial(guess.fits, limits=config.limits),
        worst={at: config.limits[name] for at, name in enumerate(names) if name in config.limits},
        excess=functools.partial(guess.excess, limits=config.limits),
        observe=observe,
        fidelities=tuple(rungs),
        observe_curve=observe_curve,
        spread=True,
        choose=_spread_over_latency(guess, config.budgets.latency_ms),
        settings={"nsga2": {"population_size": _POPULATION}},
    )
    seed = config.seed if config.sampler in _OURS else config.seed * 1_000_003
    return SAMPLERS[config.sampler](space, seed, options)


def _guessed(guess: LatencyRegression, name: str) -> Known:
    def value(params: Params) -> float | None:
        guessed = guess.predict(params, name)
        return None if guessed is None else guessed[0]

    return value


def _spread_over_latency(guess: LatencyRegression, limit_ms: float | None) -> Choose:
    def choose(children: Sequence[Params], rng: np.random.Generator) -> int:
        """Choose the child whose guessed latency is nearest to one drawn from the whole range.

        Latency is known before training and accuracy is not: spreading the candidates over
        latency fills the front from end to end, where breeding from the best alone would gather
        them around one point.
        """
        guesses = [guess.predict(child) for child in children]
        known = [pair[0] for pair in guesses if pair is not None]
        if len(known) < len(children):
            return 0
        # somewhat below the fastest known: the front's fast end should move
        low, high = 0.8 * guess.fastest_ms, min(limit_ms or np.inf, guess.slowest_ms)
        wanted = np.log(low) + rng.random() * (np.log(max(low, high)) - np.log(low))
        return int(np.argmin(np.abs(np.log(known) - wanted)))

    return choose


class RungObserver:
    """Reads trials of a run with rungs: each shows its objectives at its own rung.

    Args:
        names: of the objectives.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)

    def __call__(self, trial: FrozenTrial) -> Sequence[float] | None:
        """Return the objectives of a finished trial; None if it reached no rung."""
        if trial.state == TrialState.COMPLETE:
            return list(trial.values)
        record = _trained(trial)
        return None if record is None else _values(record, self._names, record.curve[-1].accuracy)


class EpochObserver:
    """Reads trials of a run epoch by epoch.

    Args:
        names: of the objectives.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)

    def __call__(self, trial: FrozenTrial) -> Sequence[Sequence[float]] | None:
        """Return the objectives after every epoch; None where it was not trained."""
        record = _trained(trial, (TrialState.COMPLETE, TrialState.PRUNED))
        if record is None:
            return None
        rows = [_values(record, self._names, epoch.accuracy) for epoch in record.curve]
        return [row for row in rows if row is not None] or None


class CurveObserver:
    """Reads trials of a run; one that was stopped early counts as if it had gone on.

    Its accuracy at the end is its last one plus what complete trials gained, in the median, from
    that epoch on.

    Args:
        names: of the objectives.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._curves: list[list[float]] = []
        self._stopped: dict[int, TrialRecord | None] = {}

    def is_provisional(self, trial: FrozenTrial) -> bool:
        """Tell whether a trial was stopped early: what it would have reached is a guess."""
        return _is_trained(trial)

    def __call__(self, trial: FrozenTrial) -> Sequence[float] | None:
        """Return the objectives of a finished trial; None when it was not trained."""
        if trial.state == TrialState.COMPLETE:
            record = trial.user_attrs.get(RECORD) or {}
            self._curves.append([epoch["accuracy"] for epoch in record.get("curve", [])])
            return list(trial.values)
        if trial.number not in self._stopped:
            self._stopped[trial.number] = _trained(trial)
        stopped = self._stopped[trial.number]
        if stopped is None or not self._curves:
            return None
        at = len(stopped.curve) - 1
        gains = [whole[-1] - whole[at] for whole in self._curves if len(whole) > at]
        gain = statistics.median(gains) if gains else 0.0
        accuracy = min(1.0, stopped.curve[-1].accuracy + max(0.0, gain))
        return _values(stopped, self._names, accuracy)


class InheritedOnly(Generic[Observed]):
    """Reads the trials of a run that inherits: those that began with inherited weights.

    The first ones had nobody to inherit from. Their accuracies, early and late, are those of
    another procedure: beside them a network would look better by its start alone.

    Args:
        observe: reads a trial.
    """

    def __init__(self, observe: Callable[[FrozenTrial], Observed | None]) -> None:
        self._observe = observe
        self._is_provisional = getattr(observe, "is_provisional", lambda trial: False)

    def is_provisional(self, trial: FrozenTrial) -> bool:
        """Tell whether what was observed may change; see `Observe`."""
        return bool(self._is_provisional(trial))

    def __call__(self, trial: FrozenTrial) -> Observed | None:
        """Return what was observed; None of a trial that inherited nothing."""
        record = trial.user_attrs.get(RECORD) or {}
        return self._observe(trial) if record.get("inherited") else None


def _is_trained(trial: FrozenTrial, states: Sequence[TrialState] = (TrialState.PRUNED,)) -> bool:
    """Tell whether a trial was trained and ended so: by default paused, or stopped early."""
    record = trial.user_attrs.get(RECORD) or {}
    return trial.state in states and bool(record.get("curve"))


def _trained(
    trial: FrozenTrial, states: Sequence[TrialState] = (TrialState.PRUNED,)
) -> TrialRecord | None:
    """Return the record of a trial that was trained and ended so; None for any other."""
    if not _is_trained(trial, states):
        return None
    record = TrialRecord.model_validate(trial.user_attrs[RECORD])
    return record if record.latency is not None else None


def _values(record: TrialRecord, names: Sequence[str], accuracy: float) -> Sequence[float] | None:
    values = [accuracy if name == "accuracy" else record.value(name) for name in names]
    known = [value for value in values if value is not None]
    return known if len(known) == len(names) else None
