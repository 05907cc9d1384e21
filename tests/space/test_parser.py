"""Wrong space files: the exact text of every problem, with its line."""

import pytest

from archsearch.errors import InputError
from archsearch.space import load_space, space_from
from archsearch.yaml_source import parse_yaml

STAGE = "attention: self_attention, ffn: mlp"


def problems(text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        space_from(parse_yaml(text, "s.yaml"), "s")
    return [str(problem) for problem in caught.value.problems]


def one_stage(stage: str) -> str:
    return f"stages:\n  - {{{stage}}}\n"


SINGLE = {
    "unknown key of the space": (
        one_stage(f"depth: 1, width: 16, num_heads: 2, {STAGE}") + "stage_default: {depth: 1}\n",
        "s.yaml:3: stage_default: is an unknown key; did you mean 'stage_defaults'?",
    ),
    "unknown key of a stage": (
        one_stage(f"depth: 1, widht: 16, width: 16, num_heads: 2, {STAGE}"),
        "s.yaml:2: stages.0.widht: is an unknown key; did you mean 'width'?",
    ),
    "unknown key with a domain": (
        one_stage(f"depth: 1, width: 16, num_haeds: {{choice: [2, 4]}}, num_heads: 2, {STAGE}"),
        "s.yaml:2: stages.0.num_haeds: is an unknown key; did you mean 'num_heads'?",
    ),
    "misspelt attention": (
        one_stage("depth: 1, width: 16, num_heads: 2, atention: self_attention, ffn: mlp"),
        "s.yaml:2: stages.0.atention: is an unknown key; did you mean 'attention'?\n"
        "s.yaml:2: stages.0.attention: is required; add 'attention'",
    ),
    "unknown key with a domain inside an option": (
        one_stage(
            "depth: 1, width: 16, num_heads: 2, attention: self_attention,"
            " ffn: {choice: [mlp, {type: locality, kernal_size: {choice: [3, 5]}}]}"
        ),
        "s.yaml:2: stages.0.ffn.choice.1.kernal_size: is an unknown key;"
        " did you mean 'kernel_size'?",
    ),
    "a list where a mapping belongs": (
        one_stage(f"depth: 1, width: 16, num_heads: 2, {STAGE}, local_aggregation: [3]"),
        "s.yaml:2: stages.0.local_aggregation: must be a mapping of keys, but got [3]",
    ),
    "a number where a list belongs": (
        one_stage("depth: 1, width: 16, num_heads: 2, blocks: 3"),
        "s.yaml:2: stages.0.blocks: must be a list, but got 3",
    ),
    "misspelt type": (
        one_stage(
            "depth: 1, width: 16, num_heads: 2, ffn: mlp,"
            " attention: {choice: [self_attention, {type: windo, window_size: 4}]}"
        ),
        "s.yaml:2: stages.0.attention.choice.1.type: must be a known type, but got 'windo';"
        " did you mean 'window'?",
    ),
    "low above high": (
        one_stage(f"depth: {{int: [6, 4]}}, width: 16, num_heads: 2, {STAGE}"),
        "s.yaml:2: stages.0.depth.int: low <= high must hold, but got [6, 4]; write [4, 6]",
    ),
    "three bounds": (
        one_stage(f"depth: {{int: [1, 2, 4]}}, width: 16, num_heads: 2, {STAGE}"),
        "s.yaml:2: stages.0.depth.int: must be two whole numbers, but got [1, 2, 4];"
        " write {int: [low, high]}",
    ),
    "step of zero": (
        one_stage(f"depth: {{int: [1, 4], step: 0}}, width: 16, num_heads: 2, {STAGE}"),
        "s.yaml:2: stages.0.depth.step: must be a whole number of at least 1, but got 0",
    ),
    "too many values": (
        one_stage(f"depth: {{int: [1, 100000]}}, width: 16, num_heads: 2, {STAGE}"),
        "s.yaml:2: stages.0.depth.int: must have at most 1000 values, but got [1, 100000];"
        " use a larger step",
    ),
    "empty choice": (
        one_stage(f"depth: {{choice: []}}, width: 16, num_heads: 2, {STAGE}"),
        "s.yaml:2: stages.0.depth.choice: must have at least one option, but got []",
    ),
    "choice of one scalar": (
        one_stage(f"depth: {{choice: 4}}, width: 16, num_heads: 2, {STAGE}"),
        "s.yaml:2: stages.0.depth.choice: must be a list of options, but got 4;"
        " write {choice: [first, second]}",
    ),
    "the same option twice": (
        one_stage(f"depth: {{choice: [1, 2, 1]}}, width: 16, num_heads: 2, {STAGE}"),
        "s.yaml:2: stages.0.depth.choice.2: options must differ from each other, but got 1;"
        " remove one of the two",
    ),
    "a domain as an option": (
        one_stage(f"depth: {{choice: [1, {{int: [2, 4]}}]}}, width: 16, num_heads: 2, {STAGE}"),
        "s.yaml:2: stages.0.depth.choice.1: an option must be a value, not a domain,"
        " but got {'int': [2, 4]}; write its values as options",
    ),
    "two kinds of domain": (
        one_stage(f"depth: {{choice: [1], int: [2, 4]}}, width: 16, num_heads: 2, {STAGE}"),
        "s.yaml:2: stages.0.depth: must be one kind of domain, not choice and int",
    ),
    "misspelt domain": (
        one_stage(f"depth: {{chioce: [1, 2]}}, width: 16, num_heads: 2, {STAGE}"),
        "s.yaml:2: stages.0.depth.chioce: is an unknown key; did you mean 'choice'?",
    ),
    "misspelt step": (
        one_stage(f"depth: {{int: [1, 4], stpe: 2}}, width: 16, num_heads: 2, {STAGE}"),
        "s.yaml:2: stages.0.depth.stpe: is an unknown key; did you mean 'step'?",
    ),
    "list where a value belongs": (
        one_stage(f"depth: [1, 2], width: 16, num_heads: 2, {STAGE}"),
        "s.yaml:2: stages.0.depth: must be a whole number, but got [1, 2];"
        " to choose among them write {choice: [1, 2]}",
    ),
    "option out of range": (
        one_stage(f"depth: {{choice: [0, 1]}}, width: 16, num_heads: 2, {STAGE}"),
        "s.yaml:2: stages.0.depth.choice.0: must be at least 1, but got 0",
    ),
    "heads that do not divide a width": (
        one_stage(
            f"depth: 1, width: {{choice: [32, 48]}}, num_heads: {{choice: [2, 4, 6]}}, {STAGE}"
        ),
        "s.yaml:2: stages.0.num_heads.choice.2: must divide the width 32, but got 6; use 4 or 8",
    ),
    "even kernel": (
        one_stage(
            "depth: 1, width: 16, num_heads: 2, attention: self_attention,"
            " ffn: {type: locality, kernel_size: {choice: [3, 4]}}"
        ),
        "s.yaml:2: stages.0.ffn.kernel_size.choice.1: must be odd, so that the map keeps its size,"
        " but got 4",
    ),
    "no attention": (
        one_stage("depth: 1, width: 16, num_heads: 2, ffn: mlp"),
        "s.yaml:2: stages.0.attention: is required; add 'attention'",
    ),
    "no stages": (
        "image_size: 32\n",
        "s.yaml:1: stages: is required; add 'stages'",
    ),
    "unknown reference": (
        "parameters: {width: {choice: [16, 32]}}\n"
        + one_stage(f"depth: 1, width: {{ref: widht}}, num_heads: {{ref: width}}, {STAGE}"),
        "s.yaml:3: stages.0.width.ref: must name an entry of 'parameters', but got 'widht';"
        " did you mean 'width'?",
    ),
    "reference without parameters": (
        one_stage(f"depth: 1, width: {{ref: width}}, num_heads: 2, {STAGE}"),
        "s.yaml:2: stages.0.width.ref: must name an entry of 'parameters', but got 'width';"
        " there is no 'parameters' section",
    ),
    "unused parameter": (
        "parameters:\n  depth: {choice: [1, 2]}\n"
        + one_stage(f"depth: 1, width: 16, num_heads: 2, {STAGE}"),
        "s.yaml:2: parameters.depth: is not used anywhere;"
        " write {ref: depth} where it belongs, or remove it",
    ),
    "multiple of a word": (
        "parameters: {kind: {choice: [mlp, locality]}}\n"
        + one_stage(
            "depth: 1, width: {ref: kind, times: 2}, num_heads: 2, attention: self_attention,"
            " ffn: {ref: kind}"
        ),
        "s.yaml:3: stages.0.width.times: needs numbers in 'parameters.kind'",
    ),
    "following with a missing option": (
        "parameters: {kind: {choice: [small, large]}}\n"
        + one_stage(
            f"depth: 1, width: {{ref: kind, choice: {{small: 16}}}}, num_heads: 2, {STAGE}"
        ),
        "s.yaml:3: stages.0.width.choice: needs an option for each value of 'kind'; add large",
    ),
    "following with an unknown option": (
        "parameters: {kind: {choice: [small, large]}}\n"
        + one_stage(
            "depth: 1, width: {ref: kind, choice: {small: 16, large: 32, lage: 64}},"
            f" num_heads: 2, {STAGE}"
        ),
        "s.yaml:3: stages.0.width.choice.lage: must be a value of 'kind', but got 'lage';"
        " did you mean 'large'?",
    ),
    "more stages than listed": (
        "num_stages: {choice: [1, 2]}\n" + one_stage(f"depth: 1, width: 16, num_heads: 2, {STAGE}"),
        "s.yaml:1: num_stages: must be from 1 to the number of listed stages, 1, but got 2",
    ),
    "unknown rule": (
        one_stage(f"depth: 1, width: 16, num_heads: 2, {STAGE}")
        + "rules: {windows_tile_map: true}\n",
        "s.yaml:3: rules.windows_tile_map: is an unknown key; did you mean 'windows_tile_maps'?",
    ),
    "stage defaults that are no mapping": (
        one_stage(f"depth: 1, width: 16, num_heads: 2, {STAGE}") + "stage_defaults: [1]\n",
        "s.yaml:3: stage_defaults: must be a mapping of stage keys, but got [1]",
    ),
    "attention beside blocks that have one": (
        one_stage(
            "depth: 1, width: 16, num_heads: 2, attention: self_attention,"
            " blocks: [{attention: self_attention, ffn: mlp}]"
        ),
        "s.yaml:2: stages.0.attention: has no effect: every entry of 'blocks' has its own;"
        " remove it here or there",
    ),
    "downsampling in the first stage": (
        one_stage(f"depth: 1, width: 16, num_heads: 2, downsample: merge, {STAGE}"),
        "s.yaml:2: stages.0.downsample: the first stage must have none: the stem makes its map,"
        " but got 'merge'; remove it",
    ),
    "not a mapping": ("- 1\n", "s.yaml: must be a mapping of keys, but is list"),
    "empty": ("", "s.yaml: must be a mapping of keys, but is nothing"),
    "widths that can only shrink": (
        "stages:\n"
        f"  - {{depth: 1, width: 32, num_heads: 2, {STAGE}}}\n"
        f"  - {{depth: 1, width: 16, num_heads: 2, {STAGE}}}\n",
        "s.yaml: stages.1.width: no architecture was found that fulfils every rule:"
        " must be at least the width 32 of the stage before it, but got 16",
    ),
    "flat: a plain mapping": (
        "parameters:\n  lr: {chioce: [1, 2]}\n",
        "s.yaml:2: parameters.lr: must be a value or a domain, but got {'chioce': [1, 2]};"
        " 'chioce' is no domain: did you mean 'choice'?",
    ),
    "flat: unknown section": (
        "parameters:\n  lr: {choice: [1, 2]}\nparameter: {}\n",
        "s.yaml:3: parameter: is an unknown key; did you mean 'parameters'?",
    ),
    "flat: nothing": (
        "parameters: {}\n",
        "s.yaml:1: parameters: must be a mapping of names to domains, but got {}",
    ),
    "a parameter that refers to itself": (
        "parameters:\n  a: {ref: b}\n  b: {ref: a}\n",
        "s.yaml:3: parameters.b.ref: a parameter must not refer to itself, but got 'a -> b -> a'",
    ),
}


@pytest.mark.parametrize("case", SINGLE)
def test_message(case: str) -> None:
    text, expected = SINGLE[case]
    assert problems(text) == expected.split("\n")


def test_all_problems_of_a_file_at_once() -> None:
    text = """\
image_size: -3
stage_defaults:
  attention: {choice: [self_attention, {type: windw}]}
  ffn: {type: mlp, expantion: 2}
stages:
  - {depth: {int: [3, 1]}, width: 30, num_heads: {choice: [3, 4]}}
  - {depth: {chioce: [1]}, width: 32, num_heads: 4, downsample: megre}
rules: {widths_do_not_shrink: 3}
"""
    assert problems(text) == [
        "s.yaml:1: image_size: must be at least 1, but got -3",
        "s.yaml:3: stage_defaults.attention.choice.1.type: must be a known type, but got 'windw';"
        " did you mean 'window'?",
        "s.yaml:4: stage_defaults.ffn.expantion: is an unknown key; did you mean 'expansion'?",
        "s.yaml:6: stages.0.depth.int: low <= high must hold, but got [3, 1]; write [1, 3]",
        "s.yaml:6: stages.0.num_heads.choice.1: must divide the width 30, but got 4; use 3 or 5",
        "s.yaml:7: stages.1.depth.chioce: is an unknown key; did you mean 'choice'?",
        "s.yaml:7: stages.1.downsample.type: must be a known type, but got 'megre';"
        " did you mean 'merge'?",
        "s.yaml:8: rules.widths_do_not_shrink: must be true or false, but got 3",
    ]


def test_a_default_is_reported_once_where_it_was_written() -> None:
    text = """\
stage_defaults:
  depth: 1
  num_heads: 5
  attention: self_attention
  ffn: mlp
stages: [{width: 16}, {width: 16}, {width: 16}]
"""
    assert problems(text) == [
        "s.yaml:3: stage_defaults.num_heads: must divide the width 16, but got 5; use 4 or 8"
    ]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("stages: [", "must be plain YAML"),
        ("stages: !!python/object/apply:os.system ['true']", "must be plain YAML"),
        ("a: 1\na: 2\n", "a key must be written once"),
    ],
)
def test_not_plain_yaml(tmp_path, text: str, part: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=part) as caught:
        load_space(path)
    assert caught.value.problems[0].file == str(path)


def test_missing_file_offers_the_nearest_name() -> None:
    with pytest.raises(
        InputError, match=r"lightwieght: there is no such file; did you mean 'lightweight'"
    ):
        load_space("lightwieght")
