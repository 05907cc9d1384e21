"""Samplers by name: Optuna's own, and ours."""

import functools
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from archsearch.errors import InputError, Problem, nearest
from archsearch.search.config import Budgets
from archsearch.search.evolution import EvolutionSampler
from archsearch.search.forecast import Known
from archsearch.search.latency_guess import LatencyGuess
from archsearch.search.model_based import Accept, ModelSampler, observe_complete
from archsearch.search.store import RECORD
from archsearch.search.told import Observe
from archsearch.space import Params, SearchSpace

Builder = Callable[[SearchSpace, int, LatencyGuess, Budgets, bool], optuna.samplers.BaseSampler]


def _affordable(guess: LatencyGuess, budgets: Budgets) -> Callable[[Params], bool]:
    """Refuse what is guessed to be over a budget by more than the guess's own error."""
    return functools.partial(guess.fits, limits=budgets.limits)


def _model(
    space: SearchSpace, seed: int, guess: LatencyGuess, budgets: Budgets, has_rungs: bool
) -> optuna.samplers.BaseSampler:
    def latency_ms(params: Params) -> float | None:
        guessed = guess.predict(params)
        return None if guessed is None else guessed[0]

    return ModelSampler(
        space,
        seed,
        known={1: latency_ms},
        ideal={0: 1.0},
        accept=_affordable(guess, budgets),
        excess=functools.partial(guess.excess, limits=budgets.limits),
        observe=observe_rung if has_rungs else CurveObserver(),
    )


def observe_rung(trial: FrozenTrial) -> Sequence[float] | None:
    """Return accuracy and latency at the rung of a finished trial; None if it reached none."""
    if trial.state == TrialState.COMPLETE:
        return list(trial.values)
    record = trial.user_attrs.get(RECORD)
    curve, latency = (record.get("curve"), record.get("latency")) if record else (None, None)
    if trial.state != TrialState.PRUNED or not curve or not latency:
        return None
    return curve[-1]["accuracy"], latency["median_ms"]


class CurveObserver:
    """Reads trials of a run; one that was stopped early counts as if it had gone on.

    Its accuracy at the end is its last one plus what complete trials gained, in the median, from
    that epoch on.
    """

    def __init__(self) -> None:
        self._curves: list[list[float]] = []

    def __call__(self, trial: FrozenTrial) -> Sequence[float] | None:
        """Return accuracy and latency of a finished trial; None when it was not trained."""
        record = trial.user_attrs.get(RECORD)
        curve = [epoch["accuracy"] for epoch in record.get("curve", [])] if record else []
        if trial.state == TrialState.COMPLETE:
            self._curves.append(curve)
            return list(trial.values)
        latency = record.get("latency") if record else None
        if trial.state != TrialState.PRUNED or not curve or not latency or not self._curves:
            return None
        at = len(curve) - 1
        gains = [whole[-1] - whole[at] for whole in self._curves if len(whole) > at]
        gain = statistics.median(gains) if gains else 0.0
        return min(1.0, curve[-1] + max(0.0, gain)), latency["median_ms"]


def _evolution(
    space: SearchSpace, seed: int, guess: LatencyGuess, budgets: Budgets, has_rungs: bool
) -> optuna.samplers.BaseSampler:
    limit = budgets.latency_ms

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
        low, high = 0.8 * guess.fastest_ms, min(limit or np.inf, guess.slowest_ms)
        wanted = np.log(low) + rng.random() * (np.log(max(low, high)) - np.log(low))
        return int(np.argmin(np.abs(np.log(known) - wanted)))

    return EvolutionSampler(space, seed, accept=_affordable(guess, budgets), choose=choose)


def _random(
    space: SearchSpace, seed: int, guess: LatencyGuess, budgets: Budgets, has_rungs: bool
) -> optuna.samplers.BaseSampler:
    return optuna.samplers.RandomSampler(seed=seed)


def _nsga2(
    space: SearchSpace, seed: int, guess: LatencyGuess, budgets: Budgets, has_rungs: bool
) -> optuna.samplers.BaseSampler:
    return optuna.samplers.NSGAIISampler(seed=seed, population_size=16)


def _tpe(
    space: SearchSpace, seed: int, guess: LatencyGuess, budgets: Budgets, has_rungs: bool
) -> optuna.samplers.BaseSampler:
    return optuna.samplers.TPESampler(seed=seed)


SAMPLERS: dict[str, Builder] = {
    "model": _model,
    "evolution": _evolution,
    "nsga2": _nsga2,
    "random": _random,
    "tpe": _tpe,
}


@dataclass(frozen=True)
class SamplerOptions:
    """What a sampler of the library is told of the problem.

    Attributes:
        known: objectives, by position, that need no evaluation.
        accept: refuses what is known to be infeasible.
        limits: upper limits on user attributes of trials.
        observe: reads a finished trial.
    """

    known: Mapping[int, Known]
    accept: Accept
    limits: Mapping[str, float]
    observe: Observe = observe_complete


LibraryBuilder = Callable[[SearchSpace, int, SamplerOptions], optuna.samplers.BaseSampler]

#: samplers of `archsearch.search.engine.search`
LIBRARY_SAMPLERS: dict[str, LibraryBuilder] = {
    "model": lambda space, seed, options: ModelSampler(
        space,
        seed,
        known=options.known,
        accept=options.accept,
        limits=options.limits,
        observe=options.observe,
    ),
    "evolution": lambda space, seed, options: EvolutionSampler(space, seed, accept=options.accept),
    "random": lambda space, seed, options: optuna.samplers.RandomSampler(seed=seed),
    "nsga2": lambda space, seed, options: optuna.samplers.NSGAIISampler(seed=seed),
    "tpe": lambda space, seed, options: optuna.samplers.TPESampler(seed=seed, multivariate=True),
    "gp": lambda space, seed, options: optuna.samplers.GPSampler(seed=seed),
}


def check_sampler(name: str) -> None:
    """Refuse an unknown sampler name.

    Raises:
        InputError: with the nearest names.
    """
    if name not in SAMPLERS:
        raise InputError(
            Problem("sampler", "must be a known sampler", name, nearest(name, SAMPLERS))
        )


def build_sampler(
    name: str,
    space: SearchSpace,
    seed: int,
    guess: LatencyGuess,
    budgets: Budgets,
    told: int = 0,
    *,
    has_rungs: bool = False,
) -> optuna.samplers.BaseSampler:
    """Return the sampler called ``name``.

    Args:
        name: a key of `SAMPLERS`.
        space: what is searched.
        seed: base seed of the run.
        guess: latency model that the run keeps up to date.
        budgets: upper limits.
        told: trials the study has already; a resumed Optuna sampler would repeat itself otherwise.
        has_rungs: trials are told at several rungs; ``model`` learns from all of them, the
            others from the last alone.

    Raises:
        InputError: there is no such sampler.
    """
    check_sampler(name)
    derived = seed if name in ("model", "evolution") else seed * 1_000_003 + told
    return SAMPLERS[name](space, derived, guess, budgets, has_rungs)
