"""What the space file can say, and the names that come of it."""

import re

import numpy as np
import pytest

from archsearch.errors import InputError
from archsearch.resources import resource_dir
from archsearch.space import SearchSpace, adapted, space_from, space_stats
from archsearch.yaml_source import parse_yaml
from tests.space.small_spaces import SPACES


def space_of(text: str) -> SearchSpace:
    return space_from(parse_yaml(text, "s.yaml"), "s")


def values(space: SearchSpace) -> dict[str, tuple[object, ...]]:
    return {name: parameter.values for name, parameter in space.parameters.items()}


def test_names_values_and_conditions() -> None:
    space = space_of(SPACES["nested"])
    assert values(space) == {
        "stages.0.depth": (1, 2, 3),
        "stages.0.width": (16, 32),
        "stages.0.head_dim": (8, 16),
        "stages.0.ffn": ("mlp", "locality"),
        "stages.0.ffn.locality.gate": ("none", "se"),
        "stages.0.attention": ("window", "window_global", "self_attention"),
        "stages.0.attention.window.window_size": (2, 4),
        "stages.0.attention.window.shift": (True, False),
        "stages.0.attention.window_global.global_tokens": (2, 4),
    }
    gate = space.parameters["stages.0.ffn.locality.gate"]
    assert gate.conditional
    assert gate.conditions == ((("stages.0.ffn", "locality"),),)
    assert gate.parents == ("stages.0.ffn",)
    depth = space.parameters["stages.0.depth"]
    assert (depth.conditional, depth.ordered, depth.parents) == (False, True, ())
    assert not space.parameters["stages.0.attention.window.shift"].ordered


def test_a_later_stage_is_conditional_on_their_number() -> None:
    space = space_of(SPACES["number of stages"])
    second, third = space.parameters["stages.1.depth"], space.parameters["stages.2.width"]
    assert second.conditions == ((("num_stages", 3),), (("num_stages", 2),))
    assert third.conditions == ((("num_stages", 3),),)
    assert space.parameters["stages.0.depth"].conditions == ()


def test_stage_defaults_merge_key_by_key() -> None:
    space = space_of("""\
stem: {type: patch, patch_size: 8}
stage_defaults:
  depth: 2
  num_heads: 2
  downsample: merge
  ffn: {type: mlp, expansion: 3}
  attention: {type: window, window_size: 7, shift: true}
stages:
  - {width: 16}
  - {width: 16, depth: 1, attention: {window_size: 4}, ffn: {type: locality}}
  - {width: 16, downsample: conv, attention: {choice: [self_attention]}}
""")
    first, second, third = space.resolved({"stages.2.attention": "self_attention"})["stages"]
    window = {"type": "window", "window_size": 7, "shift": True}
    assert first == {
        "depth": 2,
        "num_heads": 2,
        "width": 16,
        "blocks": [{"attention": window, "ffn": {"type": "mlp", "expansion": 3}}],
    }
    assert second["downsample"] == "merge"
    assert second["blocks"] == [
        {"attention": {**window, "window_size": 4}, "ffn": {"type": "locality"}}
    ]
    assert third["downsample"] == "conv"
    assert third["blocks"][0]["attention"] == "self_attention"


def test_what_a_stage_says_for_all_blocks_is_one_parameter() -> None:
    space = space_of(SPACES["patterns"])
    assert "stages.0.ffn.expansion" in space.parameters
    assert "stages.0.blocks.0.attention.window_size" in space.parameters
    params = space.sample(np.random.default_rng(0))
    blocks = space.resolved(params)["stages"][0]["blocks"]
    assert blocks[0]["ffn"] == blocks[1]["ffn"]
    assert "expansion" not in blocks[2]["ffn"]


def test_references_tie_and_scale() -> None:
    space = space_of(SPACES["shared parameters"])
    for params in space.plan.configurations():
        arch = space.arch(params)
        assert arch.stages[1].width == 2 * arch.stages[0].width
        assert arch.stages[1].num_heads == arch.stages[0].num_heads == params["heads"]
        first = arch.stages[0].blocks[0].attention
        if params["stages.1.attention"] == "mixer":
            assert arch.stages[1].blocks[0].attention == first
    window = space.parameters["window"]
    assert window.conditions == (
        (("mixer", "window_global"),),
        (("stages.1.attention", "window"),),
    )


def test_options_follow_a_named_parameter() -> None:
    space = space_of(SPACES["following"])
    plain = {"shape": "plain", "stem.plain.patch_size": 8, "stages.plain.0.depth": 1, "width": 16}
    pyramid = {
        "shape": "pyramid",
        "width": 16,
        "stages.pyramid.1.width": 32,
        "stages.pyramid.1.ffn": "locality",
    }
    assert (len(space.arch(plain).stages), space.arch(plain).stem_stride) == (1, 8)
    assert (len(space.arch(pyramid).stages), space.arch(pyramid).stem_stride) == (2, 4)
    assert space.parameters["stem.plain.patch_size"].conditions == ((("shape", "plain"),),)


LABELS = {
    "[mlp, {type: bi_dimensional}]": ("mlp", "bi_dimensional"),
    "[{type: mlp, expansion: 2}, {type: mlp, expansion: 4}]": ("mlp", "mlp[expansion=4]"),
    "[{type: mlp, expansion: {choice: [1, 2]}}, {type: mlp, expansion: {choice: [3, 4]}}]": (
        "mlp",
        "mlp_2",
    ),
    "{small: {type: mlp, expansion: 1}, large: {type: mlp}}": ("small", "large"),
}


@pytest.mark.parametrize("options", LABELS)
def test_labels(options: str) -> None:
    space = space_of(f"""\
stem: {{type: patch, patch_size: 4}}
stages: [{{depth: 1, width: 16, num_heads: 2, attention: self_attention,
          ffn: {{choice: {options}}}}}]
""")
    assert space.parameters["stages.0.ffn"].values == LABELS[options]


def test_null_is_an_option() -> None:
    space = space_of("""\
stem: {type: patch, patch_size: 4}
stages:
  - {depth: 1, width: 16, num_heads: 2, attention: self_attention, ffn: mlp,
     local_aggregation: {choice: [null, {kernel_size: {choice: [3, 5]}}]}}
""")
    assert values(space) == {
        "stages.0.local_aggregation": ("none", "on"),
        "stages.0.local_aggregation.on.kernel_size": (3, 5),
    }
    without, *_ = space.enumerate()
    assert space.arch(without).stages[0].blocks[0].local_aggregation is None


def test_widening_keeps_names_and_values() -> None:
    narrow = space_of(SPACES["nested"])
    text = (
        SPACES["nested"]
        .replace("- self_attention", "- self_attention\n        - {type: window, window_size: 8}")
        .replace("[1, 3]", "[1, 4]")
    )
    wide = space_of(text)
    assert wide.digest != narrow.digest
    for params in narrow.enumerate():
        assert wide.problems(params) == []
        assert wide.arch(params).digest == narrow.arch(params).digest
    assert wide.parameters["stages.0.attention"].values[-1] == "window[window_size=8]"


def test_int_domains_and_choices_of_the_same_values_are_one_space() -> None:
    template = """\
stem: {{type: patch, patch_size: 4}}
stages: [{{depth: {}, width: 16, num_heads: 2, attention: self_attention, ffn: mlp}}]
"""
    written = [
        space_of(template.format(d)) for d in ("{int: [1, 5], step: 2}", "{choice: [1, 3, 5]}")
    ]
    assert written[0] == written[1]


def test_problems_of_parameters() -> None:
    space = space_of(SPACES["nested"])
    params = space.sample(np.random.default_rng(0))
    del params["stages.0.depth"]
    params.update({"stages.0.width": 17, "stages.0.widht": 16, "stages.0.head_dim": True})
    assert space.problems(params) == [
        "stages.0.widht: is no parameter of the space (got 16); did you mean 'stages.0.width'"
        " or 'stages.0.depth' or 'stages.0.ffn'?",
        "stages.0.depth: is active and needs a value",
        "stages.0.width: must be one of 16, 32, but got 17",
        "stages.0.head_dim: must be one of 8, 16, but got True",
    ]
    for use in (space.arch, space.active):
        with pytest.raises(InputError, match=r"stages\.0\.depth: is active and needs a value"):
            use(params)


def test_inactive_parameters_are_dropped() -> None:
    space = space_of(SPACES["nested"])
    params = next(p for p in space.enumerate() if p["stages.0.attention"] == "self_attention")
    more = {"stages.0.attention.window.window_size": 4, **params}
    assert space.active(more) == params
    assert list(space.active(more)) == list(params)
    assert space.digest_of(more) == space.digest_of(params)
    assert space.arch(more) == space.arch(params)


def test_flat_space() -> None:
    space = space_of(SPACES["flat"])
    assert space.is_flat
    assert values(space) == {
        "op": ("conv", "pool", "skip"),
        "op.conv.kernel": (3, 5),
        "layers": (2, 4, 6, 8),
        "wide": (True, False),
        "rate": (0.1, 0.01),
    }
    params = {"op": "conv", "op.conv.kernel": 5, "layers": 4, "wide": True, "rate": 0.1}
    assert space.resolved(params) == {
        "op": {"type": "conv", "kernel": 5},
        "layers": 4,
        "wide": True,
        "rate": 0.1,
        "seed": 3,
    }
    assert space.digest_of(params) != space.digest_of({**params, "wide": False})
    assert space.count() == 4 * 4 * 2 * 2 == space.count_distinct()


def test_adapted_to_other_data() -> None:
    space = space_of(SPACES["nested"])
    other = adapted(space, image_size=64, in_channels=3, num_classes=7)
    params = space.sample(np.random.default_rng(0))
    arch = other.arch(params)
    assert (arch.image_size, arch.in_channels, arch.num_classes) == (64, 3, 7)
    assert other.parameters == space.parameters
    assert other.digest != space.digest


def test_space_stats_of_all_and_of_some() -> None:
    space = space_of(SPACES["number of stages"])

    def count(arch):
        return {"depth": sum(stage.depth for stage in arch.stages), "stages": len(arch.stages)}

    stats = space_stats(space, 100, np.random.default_rng(0), count)
    assert (stats.complete, stats.num_architectures) == (True, 32)
    assert (stats.measures["depth"].smallest, stats.measures["depth"].largest) == (1, 5)
    stages = [len(space.arch(params).stages) for params in space.enumerate()]
    assert stats.measures["stages"].median == np.median(stages)
    some = space_stats(space, 10, np.random.default_rng(0), count)
    assert not some.complete
    assert some.num_architectures <= 10


def test_examples_of_the_guide() -> None:
    guide = (resource_dir("spaces") / "README.md").read_text()
    examples = re.findall(r"```yaml\n(.*?)```", guide, flags=re.DOTALL)
    stages = next(each for each in examples if "stage_defaults:" in each)
    space = space_of("stem: {type: patch, patch_size: 4}\n" + stages)
    assert space.count() == (4 * 2 * 2) * (4 * 2 * 2 * 2) * (4 * 2) * (1 + 4 * 2 * 2)
    names = next(each for each in examples if "shape: {choice" in each)
    one = "depth: 1, num_heads: 2, attention: self_attention, ffn: mlp"
    assert space_of(f"{names}stages: [{{width: {{ref: width}}, {one}}}]").count() == 4
    domains = next(each for each in examples if "times: 2" in each).splitlines()
    found = []
    for line in domains:
        key, other = ("depth", "width") if line.startswith("depth") else ("width", "depth")
        space = space_of(f"""\
parameters: {{depth: {{choice: [2, 4]}}, width: {{choice: [8, 16]}}}}
stage_defaults: {{num_heads: 2, attention: self_attention, ffn: mlp}}
stages:
  - {{depth: {{ref: depth}}, width: {{ref: width}}}}
  - {{{line.split("#")[0].strip()}, {other}: 16}}
""")
        resolved = [space.resolved(params) for params in space.plan.configurations()]
        found.append({each["stages"][1][key] for each in resolved})
    assert found == [{1, 2, 4}, {1, 3, 5}, {2, 4}, {16, 32}]
