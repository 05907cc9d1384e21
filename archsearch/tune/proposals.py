"""A space as a define-by-run function: what `ray.tune.search.optuna.OptunaSearch` takes."""

import functools
from collections.abc import Callable
from typing import Any

from archsearch.search.study_store import suggest
from archsearch.space import SearchSpace
from archsearch.tune.study import Study, TuneStudy, tune_study


def tune_space(study: Study | TuneStudy | SearchSpace) -> Callable[[Any], None]:
    """Return a define-by-run space for Ray Tune's `OptunaSearch`, or for plain Optuna.

    It asks an Optuna trial for the parameters that are active, and for no others: a window size
    is suggested only under an attention that has one. Rules between parameters (such as heads
    that divide a width) cannot be expressed in Optuna; a proposal that breaks one fails when it is
    to be trained.

    Args:
        study: a space, or what `tune_trainable` takes.

    Raises:
        InputError: with what is wrong.
    """
    if isinstance(study, SearchSpace):
        space = study
    else:
        space = (study if isinstance(study, TuneStudy) else tune_study(study)).space
    # Tune pickles its searcher, and a function inside a function cannot be
    return functools.partial(_define, space)


def _define(space: SearchSpace, trial: Any) -> None:
    space.walk(functools.partial(suggest, trial))
