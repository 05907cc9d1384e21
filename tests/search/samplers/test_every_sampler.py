"""What every registered sampler must do, on every kind of space."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from archsearch import search
from archsearch.arch import Arch
from archsearch.search import SearchResult
from archsearch.search.samplers.registry import SAMPLERS
from archsearch.space import SearchSpace, flat_space, load_space

#: more than the ten that samplers draw at random before they learn
TRIALS = 11
#: of Optuna: their random state lives in memory, so after a restart other proposals may follow
WITH_STATE = frozenset(("gp", "nsga2", "tpe"))
SPACES: Mapping[str, SearchSpace] = {
    "categories and integers": flat_space(
        {"a": ["x", "y", "z"], "b": ["on", "off"], "n": {"int": [1, 6]}}
    ),
    "one parameter": flat_space({"n": {"int": [1, 40]}}),
    "architectures with conditional parameters": load_space("tiny"),
}


def evaluate(configuration: Arch | Mapping[str, object]) -> dict[str, float]:
    """Two objectives that pull in opposite directions."""
    if isinstance(configuration, Arch):
        size = float(sum(stage.depth * stage.width for stage in configuration.stages))
        windows = sum(stage.blocks[0].attention.type == "window" for stage in configuration.stages)
        return {"error": 1000 / size + windows, "cost": size}
    n = configuration["n"]
    assert isinstance(n, int)
    bonus = len(str(configuration.get("a", ""))) + (configuration.get("b") == "on")
    return {"error": 10 / n - bonus, "cost": float(n)}


def found(
    space: SearchSpace,
    sampler: str,
    trials: int = TRIALS,
    seed: int = 3,
    storage: str | None = None,
) -> SearchResult:
    return search(
        space,
        evaluate,
        objectives={"error": "min", "cost": "min"},
        sampler=sampler,
        trials=trials,
        seed=seed,
        storage=storage,
    )


def params(result: SearchResult) -> list[dict[str, object]]:
    return [dict(trial.params) for trial in result.trials]


@pytest.fixture(scope="module", params=SAMPLERS)
def sampler(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=SPACES)
def space(request: pytest.FixtureRequest) -> SearchSpace:
    return SPACES[request.param]


@pytest.fixture(scope="module")
def result(space: SearchSpace, sampler: str) -> SearchResult:
    return found(space, sampler)


def test_proposals_are_of_the_space(space: SearchSpace, result: SearchResult) -> None:
    assert [space.problems(each) for each in params(result)] == [[]] * TRIALS


def test_nothing_is_evaluated_twice(space: SearchSpace, result: SearchResult) -> None:
    assert len({space.digest_of(each) for each in params(result)}) == TRIALS


def test_the_seed_decides(space: SearchSpace, sampler: str, result: SearchResult) -> None:
    assert params(found(space, sampler)) == params(result)
    assert params(found(space, sampler, trials=8, seed=4)) != params(result)[:8]


def test_a_resumed_search_keeps_what_it_has_and_repeats_nothing(
    space: SearchSpace, sampler: str, result: SearchResult, tmp_path: Path
) -> None:
    storage = f"sqlite:///{tmp_path}/study.db"
    first = found(space, sampler, trials=9, storage=storage)
    whole = found(space, sampler, storage=storage)
    assert params(whole)[:9] == params(first) == params(result)[:9]
    assert len({space.digest_of(each) for each in params(whole)}) == TRIALS
    if sampler not in WITH_STATE:
        assert params(whole) == params(result)


def test_a_used_up_space_ends_the_search(sampler: str) -> None:
    space = flat_space({"a": ["x", "y"], "n": {"int": [1, 3]}})
    whole = found(space, sampler, trials=20)
    assert sorted(map(str, params(whole))) == sorted(map(str, space.enumerate()))
