"""Counts and enumeration against trying everything."""

import json

import pytest

from archsearch.arch import Arch, arch_problems
from archsearch.space import SearchSpace, load_space, space_from
from archsearch.yaml_source import parse_yaml
from tests.space.brute_force import every_resolved
from tests.space.small_spaces import SPACES


def space_of(name: str) -> SearchSpace:
    return space_from(parse_yaml(SPACES[name], f"{name}.yaml"), name)


@pytest.mark.parametrize("name", SPACES)
def test_every_configuration_once(name: str) -> None:
    space = space_of(name)
    configurations = list(space.plan.configurations())
    assert space.count() == len(configurations)
    assert len({json.dumps(each, sort_keys=True) for each in configurations}) == space.count()
    for params in configurations:
        assert space.active(params) == params


@pytest.mark.parametrize("name", SPACES)
def test_resolved_files_are_those_of_brute_force(name: str) -> None:
    space = space_of(name)
    ours = {
        json.dumps(space.resolved(params), sort_keys=True) for params in space.plan.configurations()
    }
    assert ours == every_resolved(SPACES[name])


@pytest.mark.parametrize("name", [name for name in SPACES if name != "flat"])
def test_enumerated_are_the_distinct_valid_ones(name: str) -> None:
    space = space_of(name)
    expected = set()
    for text in every_resolved(SPACES[name]):
        arch = Arch.model_validate(json.loads(text))
        widths = [stage.width for stage in arch.stages]
        tiled = all(
            side % getattr(stage.canonical(side).blocks[0].attention, "window_size", side) == 0
            for stage, side in zip(arch.stages, arch.map_sizes, strict=True)
        )
        if space.rules.widths_do_not_shrink and widths != sorted(widths):
            continue
        if (space.rules.windows_tile_maps and not tiled) or arch_problems(arch):
            continue
        expected.add(arch.digest)
    enumerated = [space.arch(params).digest for params in space.enumerate()]
    assert len(enumerated) == len(set(enumerated)) == space.count_distinct()
    assert set(enumerated) == expected


def test_closed_form_of_the_main_space() -> None:
    space = load_space("lightweight")
    sizes = {name: len(parameter.values) for name, parameter in space.parameters.items()}
    stage = space.parameters["stages.0.depth"], space.parameters["stages.0.width"]
    assert [len(each.values) for each in stage] == [6, 3]
    position, local = 3 + 2, 1 + 2
    attention = 4 + 2 + 4 + 2 + 2 + 1
    ffn = 3 + 3 + 3 * (1 + 2 + 1)
    one = 6 * 3 * position * local * attention * ffn
    stem, head, downsample = 1 + 1 + 1, 2 + 2, sizes["downsample"]
    assert space.count() == stem * head * downsample * (one**3 + one**4)
    assert space.count() > 10**6


def test_count_distinct_gives_up_above_its_limit() -> None:
    assert load_space("lightweight").count_distinct() is None
    assert space_of("nested").count_distinct(limit=10) is None


def test_a_tiny_space_is_enumerated() -> None:
    space = load_space("tiny")
    assert space.count_distinct() == len(list(space.enumerate())) <= 200
