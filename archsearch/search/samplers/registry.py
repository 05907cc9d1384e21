"""Samplers by name: Optuna's own, and ours."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna

from archsearch.errors import InputError, Problem, nearest
from archsearch.search.samplers.evolution import Choose, EvolutionSampler, choose_first
from archsearch.search.samplers.reseeded_sampler import ReseededSampler
from archsearch.search.samplers.surrogate.model_sampler import (
    Accept,
    ModelSampler,
    observe_complete,
)
from archsearch.search.samplers.surrogate.objective_prediction import Known
from archsearch.search.samplers.surrogate.observed_trials import Observe, ObserveCurve
from archsearch.space import Params, SearchSpace


@dataclass(frozen=True)
class SamplerOptions:
    """Options of samplers; each sampler uses those that it supports.

    Attributes:
        known: objectives, by position, that need no evaluation; where one returns None, it is
            learnt.
        ideal: best possible value of objectives, by position, where there is one.
        accept: refuses what is known, or guessed, to be infeasible.
        excess: how far a candidate is expected beyond its limits; see `ModelSampler`.
        limits: upper limits on user attributes of trials.
        worst: worst values of objectives that are allowed, by position.
        observe: reads a finished trial.
        choose: picks one of a brood of children; see `EvolutionSampler`.
        spread: whether the first proposals of `ModelSampler` spread over what is known.
        fidelities: of the rungs; `ModelSampler` learns from all of them.
        observe_curve: reads a finished trial after every epoch.
        settings: arguments of Optuna's own samplers, by the sampler's name.
    """

    known: Mapping[int, Known] = field(default_factory=dict)
    ideal: Mapping[int, float] = field(default_factory=dict)
    accept: Accept = lambda params: True
    excess: Callable[[Params], float] | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    worst: Mapping[int, float] = field(default_factory=dict)
    observe: Observe = observe_complete
    choose: Choose = choose_first
    spread: bool = False
    fidelities: Sequence[float] = ()
    observe_curve: ObserveCurve | None = None
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def _optuna(name: str, seed: int, settings: Mapping[str, Any]) -> optuna.samplers.BaseSampler:
    kind = getattr(optuna.samplers, name)
    return ReseededSampler(lambda seed: kind(seed=seed, **settings), seed)


Builder = Callable[[SearchSpace, int, SamplerOptions], optuna.samplers.BaseSampler]

#: samplers of `archsearch.search` and of ``archsearch run``
SAMPLERS: dict[str, Builder] = {
    "model": lambda space, seed, options: ModelSampler(
        space,
        seed,
        known=options.known,
        ideal=options.ideal,
        accept=options.accept,
        limits=options.limits,
        worst=options.worst,
        observe=options.observe,
        excess=options.excess,
        spread=options.spread,
        fidelities=options.fidelities,
        observe_curve=options.observe_curve,
    ),
    "evolution": lambda space, seed, options: EvolutionSampler(
        space, seed, accept=options.accept, choose=options.choose
    ),
    "random": lambda space, seed, options: _optuna("RandomSampler", seed, {}),
    "nsga2": lambda space, seed, options: _optuna(
        "NSGAIISampler", seed, options.settings.get("nsga2", {})
    ),
    "tpe": lambda space, seed, options: _optuna(
        "TPESampler", seed, options.settings.get("tpe", {})
    ),
    "gp": lambda space, seed, options: _optuna("GPSampler", seed, {}),
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
