"""From an architecture back to its parameters."""

import numpy as np
import pytest

from archsearch.arch import SeparableAttention
from archsearch.errors import InputError
from archsearch.resources import resource_names
from archsearch.space import SearchSpace, load_space, space_from
from archsearch.yaml_source import parse_yaml
from tests.space.small_spaces import SPACES

ARCH_SPACES = [name for name in SPACES if name != "flat"]


def space_of(name: str) -> SearchSpace:
    return space_from(parse_yaml(SPACES[name], f"{name}.yaml"), name)


@pytest.mark.parametrize("name", ARCH_SPACES)
def test_every_architecture_finds_its_way_back(name: str) -> None:
    space = space_of(name)
    for params in space.enumerate():
        arch = space.arch(params)
        found = space.params_of(arch)
        assert found is not None
        assert space.problems(found) == []
        assert space.arch(found).digest == arch.digest
        assert space.contains(arch.canonical())


@pytest.mark.parametrize("name", resource_names("spaces"))
def test_samples_of_shipped_spaces_find_their_way_back(name: str) -> None:
    space, rng = load_space(name), np.random.default_rng(0)
    for _ in range(10):
        arch = space.arch(space.sample(rng))
        found = space.params_of(arch)
        assert found is not None
        assert space.arch(found).digest == arch.digest


@pytest.mark.parametrize("name", ARCH_SPACES)
def test_outsiders_are_reported(name: str) -> None:
    space = space_of(name)
    arch = space.arch(space.sample(np.random.default_rng(1)))
    stage = arch.stages[-1]
    outsiders = [
        arch.model_copy(update={"num_classes": arch.num_classes + 1}),
        arch.model_copy(update={"stages": (*arch.stages, *arch.stages)}),
        arch.model_copy(
            update={"stages": (*arch.stages[:-1], stage.model_copy(update={"depth": 77}))}
        ),
        arch.model_copy(
            update={
                "stages": (
                    *arch.stages[:-1],
                    stage.model_copy(
                        update={
                            "blocks": (
                                stage.blocks[0].model_copy(
                                    update={"attention": SeparableAttention(window_size=3)}
                                ),
                            )
                        }
                    ),
                )
            }
        ),
    ]
    for outsider in outsiders:
        assert not space.contains(outsider)


def test_what_breaks_a_rule_is_outside() -> None:
    text = """\
stem: {type: patch, patch_size: 4}
stage_defaults: {depth: 1, num_heads: 2, attention: self_attention, ffn: mlp}
stages: [{width: {choice: [16, 32]}}, {width: {choice: [16, 32]}}]
"""
    strict = space_from(parse_yaml(text), "strict")
    free = space_from(parse_yaml(text + "rules: {widths_do_not_shrink: false}\n"), "free")
    shrinking = free.arch({"stages.0.width": 32, "stages.1.width": 16})
    assert free.contains(shrinking)
    assert not strict.contains(shrinking)


def test_flat_spaces_have_no_architectures() -> None:
    space = space_of("flat")
    with pytest.raises(InputError, match="flat: is a flat space"):
        space.arch(space.sample(np.random.default_rng(0)))
    with pytest.raises(InputError, match="flat: is a flat space"):
        space.params_of(space_of("nested").arch(next(space_of("nested").enumerate())))
