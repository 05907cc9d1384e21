"""Options, parameters and labels may be any word: ``on``, ``no``, ``1e-3``, ``true``."""

import itertools

import numpy as np
import pytest
import yaml

from archsearch.errors import InputError
from archsearch.space import load_space, space_from
from archsearch.yaml_source import dump_yaml, parse_yaml

STAGE = "{depth: 1, width: 32, head_dim: 16, attention: self_attention, ffn: mlp"
PAIRS = [("on", "off"), ("yes", "no"), ("Y", "N"), ("true", "false"), ("1e-3", "0.5"), ("1", "2"),
         ("None", "some"), ("12:30", "2026-01-31"), ("010", "0x1F")]  # fmt: skip


@pytest.mark.parametrize("pair", PAIRS)
def test_the_names_of_options(pair: tuple[str, str]) -> None:
    one, other = pair
    text = f"""
stages:
  - {STAGE}, local_aggregation: {{choice: {{{one}: null, {other}: {{kernel_size: 5}}}}}}}}
"""
    space = space_from(parse_yaml(text), "s")
    (parameter,) = space.parameters.values()
    assert [str(value) for value in parameter.values] == [one, other]
    assert space.count() == 2


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("turned", [False, True])
def test_values_of_a_reference_are_keys_of_its_options(pair: tuple[str, str], turned: bool) -> None:
    one, other = reversed(pair) if turned else pair
    text = f"""
parameters:
  kind: {{choice: [{pair[0]}, {pair[1]}]}}
stages:
  - {STAGE}, local_aggregation:
      {{ref: kind, choice: {{{one}: null, {other}: {{kernel_size: 5}}}}}}}}
"""
    space = space_from(parse_yaml(text), "s")
    with_kernel = parse_yaml(f"a: {other}").data["a"]
    for value in space.parameters["kind"].values:
        local = space.arch({"kind": value}).stages[0].blocks[0].local_aggregation
        assert (local is not None) == (value == with_kernel)


@pytest.mark.parametrize("word", list(itertools.chain(*PAIRS)))
def test_values_of_a_flat_space(word: str) -> None:
    space = space_from(parse_yaml(f"parameters: {{gate: {{choice: [{word}, se]}}}}"), "s")
    values = space.parameters["gate"].values
    assert values == (parse_yaml(f"a: {word}").data["a"], "se")
    assert space.sample(np.random.default_rng(0))["gate"] in values


@pytest.mark.parametrize("pair", PAIRS)
def test_a_space_is_the_same_after_it_was_written(pair: tuple[str, str]) -> None:
    text = f"parameters: {{gate: {{choice: [{pair[0]}, {pair[1]}]}}}}"
    space = space_from(parse_yaml(text), "s")
    again = dump_yaml(space.to_dict())
    assert space_from(parse_yaml(again), "s").digest == space.digest
    assert yaml.safe_load(again) == space.to_dict()


#: a line of a space, what is said of it, and the line after its remedy has been followed
REMEDIES = {
    "a switch": (
        "rules: {windows_tile_maps: yes}",
        "write true",
        "rules: {windows_tile_maps: true}",
    ),
    "a switch off": (
        "rules: {windows_tile_maps: Off}",
        "write false",
        "rules: {windows_tile_maps: false}",
    ),
    "an underscore": ("image_size: 2_24", "write 224", "image_size: 224"),
    "an exponent": ("num_classes: 1e1", "write 10", "num_classes: 10"),
    "a number in quotes": ("num_classes: '10'", "write 10", "num_classes: 10"),
    "a misspelt key": ("in_chanels: 1", "did you mean 'in_channels'?", "in_channels: 1"),
}


@pytest.mark.parametrize("case", REMEDIES)
def test_the_remedy_of_an_error_works(case: str) -> None:
    line, remedy, mended = REMEDIES[case]
    stages = f"\nstages:\n  - {STAGE}}}\n"
    with pytest.raises(InputError) as caught:
        space_from(parse_yaml(line + stages), "s")
    assert [each.remedy for each in caught.value.problems] == [remedy]
    space_from(parse_yaml(mended + stages), "s")


def test_the_remedy_for_a_key_of_a_reference_works() -> None:
    text = """
parameters: {kind: {choice: [true, false]}}
stages: [%s, local_aggregation: {ref: kind, choice: {%s: null, false: {kernel_size: 5}}}}]
"""
    with pytest.raises(InputError) as caught:
        space_from(parse_yaml(text % (STAGE, "treu")), "s")
    unknown, missing = caught.value.problems
    assert (unknown.remedy, missing.remedy) == ("did you mean 'true'?", "add true")
    assert space_from(parse_yaml(text % (STAGE, "true")), "s").count() == 2


def test_shipped_spaces_are_read_alike(tmp_path) -> None:
    space = load_space("tiny")
    path = tmp_path / "again.yaml"
    path.write_text(dump_yaml(space.to_dict()))
    assert load_space(path).digest == space.digest
