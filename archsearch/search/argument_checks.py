"""Refuse arguments of `search` that do not fit together, all at once."""

import inspect
import itertools
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from archsearch.errors import InputError, Problem, nearest

#: result of an evaluator at a fidelity: values, or values and the state to go on from
Evaluate = Callable[..., Any]


def check_arguments(
    *,
    objectives: Mapping[str, str],
    constraints: Mapping[str, float],
    fidelities: Sequence[float],
    share: float | None,
    counts: Mapping[str, int | None],
    sampler: str,
    samplers: Collection[str],
) -> None:
    """Refuse arguments of `search` that do not fit together.

    Args:
        objectives: direction by name.
        constraints: upper limit by name.
        fidelities: of the rungs.
        share: of candidates that go on to the next rung.
        counts: numbers that must be at least 1, by the argument's name.
        sampler: name of the sampler.
        samplers: names there are.

    Raises:
        InputError: with all problems.
    """
    problems = []
    if not objectives:
        problems.append(Problem("objectives", "must name at least one objective"))
    for key, direction in objectives.items():
        if direction not in ("min", "max"):
            problems.append(Problem(f"objectives.{key}", "must be 'min' or 'max'", direction))
    for key, limit in constraints.items():
        if not math.isfinite(limit):
            problems.append(Problem(f"constraints.{key}", "must be a finite upper limit", limit))
    problems += _rung_problems(fidelities, share)
    for key, value in counts.items():
        if value is not None and value < 1:
            problems.append(Problem(key, "must be at least 1", value))
    if sampler not in samplers:
        problems.append(
            Problem("sampler", "must be a known sampler", sampler, nearest(sampler, samplers))
        )
    if problems:
        raise InputError(problems)


def _rung_problems(fidelities: Sequence[float], share: float | None) -> list[Problem]:
    problems = []
    steps = list(itertools.pairwise(fidelities))
    if isinstance(fidelities, range) and (fidelities[:1] != range(1, 2) or fidelities.step != 1):
        rule = "must be all epochs from 1 on"
        problems.append(Problem("fidelities", rule, fidelities, "e.g. range(1, 28)"))
    elif len(fidelities) == 1:
        rule = "must be two or more"
        problems.append(Problem("fidelities", rule, fidelities, "leave it out for one fidelity"))
    elif any(not math.isfinite(each) or each <= 0 for each in fidelities):
        problems.append(Problem("fidelities", "must be positive and finite", fidelities))
    elif any(low >= high for low, high in steps):
        problems.append(Problem("fidelities", "must increase", fidelities))
    if share is not None:
        if not fidelities:
            problems.append(Problem("promote", "needs rungs", share, "give fidelities=(1, 3, 9)"))
        elif not 0 < share < 1:
            problems.append(Problem("promote", "must be between 0 and 1", share))
    return problems


def check_evaluator(evaluate: Evaluate, with_rungs: bool) -> None:
    """Refuse an evaluator that cannot be called as it will be.

    Raises:
        InputError: it takes other arguments.
    """
    wanted = 3 if with_rungs else 1
    try:
        signature = inspect.signature(evaluate)
    except ValueError:
        return  # a built-in without a signature
    try:
        signature.bind(*range(wanted))
    except TypeError as error:
        if with_rungs:
            rule = f"must take configuration, fidelity and state ({error})"
            remedy = "write evaluate(configuration, fidelity, state), or leave out fidelities"
        else:
            rule = f"must take one configuration ({error})"
            remedy = "give fidelities=(1, 3, 9) if it takes fidelity and state"
        raise InputError(Problem("evaluate", rule, evaluate, remedy)) from None
