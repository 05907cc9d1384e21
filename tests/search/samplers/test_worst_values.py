"""Up to a limit, a candidate slower than all of the front may be worth its time."""

import optuna
import pytest
from optuna.trial import create_trial

from archsearch.search.samplers.surrogate.model_sampler import ModelSampler
from archsearch.space import flat_space

SPACE = flat_space({"depth": {"int": [1, 40]}})
LIMIT = 30


def proposed(worst):
    """Return the depth proposed after depths 1 to 8, each better and slower than the one before."""
    sampler = ModelSampler(
        SPACE,
        known={1: lambda params: float(params["depth"])},
        worst=worst,
        accept=lambda params: params["depth"] <= LIMIT,
        num_initial=4,
    )
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    distributions = sampler.infer_relative_search_space(study, None)
    for depth in range(1, 9):
        values = [1 - 0.02 * depth, float(depth)]
        study.add_trial(
            create_trial(params={"depth": depth}, distributions=distributions, values=values)
        )
    return study.ask(distributions).params["depth"]


@pytest.mark.parametrize(("worst", "least"), [({}, 9), ({1: 30.0}, 12), ({1: 1e6}, 12)])
def test_a_limit_is_the_worst_corner(worst, least):
    assert least <= proposed(worst) <= (LIMIT if worst else 11)
