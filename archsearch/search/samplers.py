"""Samplers by name: Optuna's own, and ours."""

from collections.abc import Callable, Sequence

import numpy as np
import optuna

from archsearch.errors import InputError, Problem, nearest
from archsearch.search.config import Budgets
from archsearch.search.evolution import EvolutionSampler
from archsearch.search.latency_guess import LatencyGuess
from archsearch.space import Params, SearchSpace

Builder = Callable[[SearchSpace, int, LatencyGuess, Budgets], optuna.samplers.BaseSampler]


def _evolution(
    space: SearchSpace, seed: int, guess: LatencyGuess, budgets: Budgets
) -> optuna.samplers.BaseSampler:
    limit = budgets.latency_ms

    def accept(params: Params) -> bool:
        """Refuse what is guessed to be over the budget by more than the guess's own error."""
        guessed = guess.predict(params) if limit is not None else None
        return guessed is None or limit is None or guessed[0] <= limit * (1 + guessed[1])

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

    return EvolutionSampler(space, seed, accept=accept, choose=choose)


def _random(
    space: SearchSpace, seed: int, guess: LatencyGuess, budgets: Budgets
) -> optuna.samplers.BaseSampler:
    return optuna.samplers.RandomSampler(seed=seed)


def _nsga2(
    space: SearchSpace, seed: int, guess: LatencyGuess, budgets: Budgets
) -> optuna.samplers.BaseSampler:
    return optuna.samplers.NSGAIISampler(seed=seed, population_size=16)


def _tpe(
    space: SearchSpace, seed: int, guess: LatencyGuess, budgets: Budgets
) -> optuna.samplers.BaseSampler:
    return optuna.samplers.TPESampler(seed=seed)


SAMPLERS: dict[str, Builder] = {
    "evolution": _evolution,
    "nsga2": _nsga2,
    "random": _random,
    "tpe": _tpe,
}


def check_sampler(name: str) -> None:
    """Refuse an unknown sampler name.

    Raises:
        InputError: with the nearest names.
    """
    if name not in SAMPLERS:
        raise InputError(Problem("sampler", "unknown sampler", name, nearest(name, SAMPLERS)))


def build_sampler(
    name: str, space: SearchSpace, seed: int, guess: LatencyGuess, budgets: Budgets, told: int = 0
) -> optuna.samplers.BaseSampler:
    """Return the sampler called ``name``.

    Args:
        name: a key of `SAMPLERS`.
        space: what is searched.
        seed: base seed of the run.
        guess: latency model that the run keeps up to date.
        budgets: upper limits.
        told: trials the study has already; a resumed Optuna sampler would repeat itself otherwise.

    Raises:
        InputError: there is no such sampler.
    """
    check_sampler(name)
    derived = seed if name == "evolution" else seed * 1_000_003 + told
    return SAMPLERS[name](space, derived, guess, budgets)
