"""Sampling, mutation, crossover, neighbours: valid, uniform, exactly as far as asked."""

from collections import Counter

import numpy as np
import pytest

from archsearch.errors import InputError
from archsearch.resources import resource_names
from archsearch.space import SearchSpace, load_space, space_from
from archsearch.yaml_source import parse_yaml
from tests.space.small_spaces import SPACES

FREE = [name for name in SPACES if name != "a plain architecture"]


def space_of(name: str) -> SearchSpace:
    return space_from(parse_yaml(SPACES[name], f"{name}.yaml"), name)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", SPACES)
def test_samples_are_valid_and_cover_the_space(name: str) -> None:
    space, random = space_of(name), rng()
    every = {space.digest_of(params) for params in space.enumerate()}
    drawn = set()
    for _ in range(20 * len(every)):
        params = space.sample(random)
        assert space.problems(params) == []
        assert space.active(params) == params
        drawn.add(space.digest_of(params))
    assert drawn <= every
    assert len(drawn) > 0.9 * len(every)


@pytest.mark.parametrize("name", SPACES)
def test_same_generator_same_moves(name: str) -> None:
    def story(random: np.random.Generator) -> list[object]:
        space = space_of(name)
        first, second = space.sample(random), space.sample(random)
        return [
            first,
            second,
            space.mutate(first, random, n=2),
            space.crossover(first, second, random),
        ]

    assert story(rng(7)) == story(rng(7))


def test_options_are_drawn_uniformly() -> None:
    space, random, draws = space_of("nested"), rng(1), 6000
    counts: dict[str, Counter[object]] = {name: Counter() for name in space.parameters}
    for _ in range(draws):
        for name, value in space.sample(random).items():
            counts[name][value] += 1
    for name, parameter in space.parameters.items():
        seen = [counts[name][value] for value in parameter.values]
        expected = sum(seen) / len(seen)
        chi_square = sum((each - expected) ** 2 / expected for each in seen)
        # 99.9th percentile for up to 3 degrees of freedom is 16.3
        assert chi_square < 16.3, name
    assert sum(counts["stages.0.depth"].values()) == draws
    window = counts["stages.0.attention"]["window"]
    assert sum(counts["stages.0.attention.window.shift"].values()) == window


def test_rules_reject_without_favour() -> None:
    """Draws under a rule are the uniform draws that fulfil it."""
    text = """\
stem: {type: patch, patch_size: 4}
stage_defaults: {depth: 1, num_heads: 2, attention: self_attention, ffn: mlp}
stages: [{width: {choice: [16, 32, 48]}}, {width: {choice: [16, 32, 48]}}]
"""
    space, random = space_from(parse_yaml(text), "pairs"), rng(2)
    counts = Counter(tuple(space.sample(random).values()) for _ in range(3000))
    assert set(counts) == {(16, 16), (16, 32), (16, 48), (32, 32), (32, 48), (48, 48)}
    assert sum((each - 500) ** 2 / 500 for each in counts.values()) < 20.5


def test_a_rare_valid_architecture_is_found() -> None:
    """Two of 4,096 width assignments fulfil the rule: drawing alone would rarely find one."""
    falling = ", ".join(f"{{width: {{choice: [{64 - 4 * i}, 64]}}}}" for i in range(1, 13))
    text = f"""\
stem: {{type: patch, patch_size: 4}}
stage_defaults: {{depth: 1, num_heads: 2, attention: self_attention, ffn: mlp}}
stages: [{falling}]
"""
    space = space_from(parse_yaml(text), "rare")
    for seed in range(5):
        assert space.problems(space.sample(rng(seed))) == []


@pytest.mark.parametrize("name", FREE)
@pytest.mark.parametrize("n", [1, 2])
def test_mutation_changes_exactly_n(name: str, n: int) -> None:
    space, random = space_of(name), rng(4)
    for _ in range(100):
        params = space.sample(random)
        child = space.mutate(params, random, n=n)
        assert space.problems(child) == []
        assert space.active(child) == child
        changed = [key for key in params if key in child and child[key] != params[key]]
        movable = [key for key in params if len(space.parameters[key].values) > 1]
        # where one change takes all other parameters away, only one is possible
        fewer = name == "lists of stages" and params["stages"] == "length_1"
        assert len(changed) == (1 if fewer else min(n, len(movable)))
        # what went or came did so because a parent changed
        for key in params.keys() ^ child.keys():
            assert set(space.parameters[key].parents) & {*changed}


def test_mutation_reaches_every_parameter() -> None:
    space, random = load_space("lightweight"), rng(5)
    params = space.sample(random)
    moved = set()
    for _ in range(600):
        child = space.mutate(params, random)
        moved |= {key for key in params if key in child and child[key] != params[key]}
    assert moved == {key for key in params if len(space.parameters[key].values) > 1}


def test_a_space_of_one_cannot_move() -> None:
    space = space_of("a plain architecture")
    assert space.sample(rng()) == {} == space.mutate({}, rng()) == space.crossover({}, {}, rng())
    assert list(space.neighbours({})) == []
    assert list(space.enumerate()) == [{}]


@pytest.mark.parametrize("name", FREE)
def test_crossover_mixes(name: str) -> None:
    space, random = space_of(name), rng(6)
    for _ in range(100):
        a, b = space.sample(random), space.sample(random)
        child = space.crossover(a, b, random)
        assert space.problems(child) == []
        assert space.crossover(a, a, random) == a
        if not space.rules.widths_do_not_shrink or len(a) < 3:
            continue
        inherited = [key for key in child if child[key] in (a.get(key), b.get(key))]
        assert len(inherited) >= len(child) - 1  # a mutation of one parent at worst


@pytest.mark.parametrize("name", FREE)
def test_neighbours_are_one_change_away_and_mutual(name: str) -> None:
    space = space_of(name)
    params = space.sample(rng(8))
    near = list(space.neighbours(params))
    digests = [space.digest_of(each) for each in [params, *near]]
    assert len(set(digests)) == len(digests)
    assert near
    for each in near:
        assert space.problems(each) == []
        assert sum(params[key] != each[key] for key in params if key in each) == 1


def test_neighbours_carry_a_like_named_value_over() -> None:
    space = space_of("nested")
    params = {
        "stages.0.depth": 1,
        "stages.0.width": 16,
        "stages.0.head_dim": 8,
        "stages.0.attention": "window",
        "stages.0.attention.window.window_size": 4,
        "stages.0.attention.window.shift": False,
        "stages.0.ffn": "mlp",
    }
    near = [each for each in space.neighbours(params) if each["stages.0.attention"] != "window"]
    assert [each["stages.0.attention"] for each in near] == ["window_global", "self_attention"]


@pytest.mark.parametrize("name", resource_names("spaces"))
def test_moves_in_shipped_spaces(name: str) -> None:
    space, random = load_space(name), rng(9)
    a, b = space.sample(random), space.sample(random)
    for child in (space.mutate(a, random), space.mutate(a, random, n=3)):
        assert space.problems(child) == []
    assert space.problems(space.crossover(a, b, random)) == []


def test_walk_asks_for_active_parameters_only() -> None:
    space = space_of("nested")
    asked = []

    def last(parameter):
        asked.append(parameter.name)
        return parameter.values[-1]

    params = space.walk(last)
    assert asked == list(params)
    assert params["stages.0.attention"] == "self_attention"
    assert not any(name.startswith("stages.0.attention.") for name in asked)
    with pytest.raises(InputError, match=r"stages\.0\.depth: must be one of 1, 2, 3, but got 9"):
        space.walk(lambda parameter: 9)
