"""What a network is compared with: a trial, a zoo network, an architecture file, or the median."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from archsearch import zoo
from archsearch.activity import doing
from archsearch.analysis.trial_choice import choose
from archsearch.arch import Arch, diff, load_arch
from archsearch.errors import InputError, Problem, nearest
from archsearch.record import RunRecord, TrialRecord
from archsearch.space import Params, SearchSpace
from archsearch.zoo.overrides import with_overrides

MEDIAN = "median"
_ZOO = "zoo:"
_FLAG = "--against"
#: random networks among which the search for a similar network begins
_STARTS = 100
_REMEDY = "compare with a trial, or with the median"
#: differences from the space that an error names
_MOST_NAMED = 8


class NamedNetwork(NamedTuple):
    """A network of a run's space.

    Attributes:
        name: for people.
        params: its parameters in the space.
    """

    name: str
    params: Params


def find_baseline(against: str, run: RunRecord, space: SearchSpace) -> NamedNetwork:
    """Return what ``against`` names, as a configuration of the run's space.

    Args:
        against: ``median``, the number of a trial, ``best``, ``knee``, ``zoo:NAME`` or an
            architecture file.
        run: whose trials are meant.
        space: of the run.

    Raises:
        InputError: it names nothing, or a network outside the space; the error says which values
            the space does not have.
    """
    word = against.strip()
    if word == MEDIAN:
        return NamedNetwork("the median of the space", median_params(space))
    if word in ("best", "knee") or word.lstrip("-").isdigit():
        try:
            record = choose(run, word)
        except InputError as error:
            raise InputError(
                [Problem(_FLAG, p.rule, p.value, p.remedy) for p in error.problems]
            ) from None
        return NamedNetwork(f"trial {record.number}", params_of_trial(record, space))
    shape = {name: space.to_dict()[name] for name in ("image_size", "in_channels", "num_classes")}
    if word.startswith(_ZOO):
        name, arch = word, zoo.arch(word.removeprefix(_ZOO), **shape)
    elif word.endswith((".yaml", ".yml")):
        name, arch = word, with_overrides(load_arch(word), shape)
    else:
        known = (MEDIAN, "best", "knee", *(f"{_ZOO}{each}" for each in zoo.names()))
        rule = (
            "must be median, best, knee, a trial number, zoo:NAME or an architecture file (.yaml)"
        )
        raise InputError(Problem(_FLAG, rule, against, nearest(word, known)))
    with doing(f"looking for {name} in the space"):
        params = space.params_of(arch)
        if params is None:
            raise InputError(_outside(name, arch, space))
    return NamedNetwork(name, params)


def params_of_trial(record: TrialRecord, space: SearchSpace) -> Params:
    """Return the active parameters of a trial in the run's space.

    Raises:
        InputError: the space does not have its network.
    """
    choices = dict(record.choices)
    if choices and not space.problems(choices):
        return space.active(choices)
    found = space.params_of(record.arch)
    if found is None:
        rule = f"trial {record.number} is not in the space of the run"
        raise InputError(Problem("trial", rule))
    return found


def median_params(space: SearchSpace) -> Params:
    """Return the middle of a space: of each ordered parameter the middle value, else the first.

    Of two middle values, the lower. Where that breaks a rule of the space, a valid configuration
    with as few other values as a descent over single changes finds.
    """
    middle: Params = {}
    for parameter in space.parameters.values():
        values = parameter.values
        if parameter.ordered:
            ordered = sorted(values, key=lambda value: parameter.rank(value) or 0)
            middle[parameter.name] = ordered[(len(values) - 1) // 2]
        else:
            middle[parameter.name] = values[0]
    wanted = space.plan.complete(middle)
    if not space.problems(wanted):
        return wanted
    return _descent(
        space, lambda each: sum(each.get(name) != value for name, value in wanted.items())
    )


def _outside(name: str, arch: Arch, space: SearchSpace) -> list[Problem]:
    """Return what keeps an architecture out of a space, beside the most similar network in it."""
    differences = diff(arch, space.arch(most_similar(arch, space)))
    problems = [Problem(_FLAG, f"{name} is not in the space of the run", remedy=_REMEDY)]
    problems += [
        Problem(
            each.key,
            f"is {each.left} in {name}, and {each.right} in the most similar network of the space",
        )
        for each in differences[:_MOST_NAMED]
    ]
    if len(differences) > _MOST_NAMED:
        more = len(differences) - _MOST_NAMED
        problems.append(Problem(_FLAG, f"{name} has {more} more values that differ"))
    return problems


def most_similar(arch: Arch, space: SearchSpace) -> Params:
    """Return a configuration whose network differs from ``arch`` in as few values as were found."""
    return _descent(space, lambda params: len(diff(arch, space.arch(params))))


def _descent(space: SearchSpace, apart: Callable[[Params], int]) -> Params:
    """Return a configuration that no single change brings nearer, from the best of 100 draws."""
    rng = np.random.default_rng(0)
    found = min((space.sample(rng) for _ in range(_STARTS)), key=apart)
    least = apart(found)
    while least:
        near = min(space.neighbours(found), key=apart, default=found)
        if (distance := apart(near)) >= least:
            break
        found, least = near, distance
    return found
