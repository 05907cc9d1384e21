"""Every wrong architecture file says where, which rule, which value, and the way out."""

import pytest

from archsearch.arch import arch_from, load_arch
from archsearch.errors import InputError
from archsearch.yaml_source import parse_yaml

GOOD = """stages:
  - depth: 2
    width: 32
    num_heads: 4
    blocks:
      - attention: {type: window, window_size: 4}
        ffn: {type: mlp, expansion: 2}
"""
FFN = "ffn: {type: mlp, expansion: 2}"
WINDOW = "{type: window, window_size: 4}"
SECOND_BLOCK = """      - attention: {type: window_global, window_size: 4, global_tokens: 3}
        ffn: mlp
"""
AGGREGATION = "local_aggregation: {kernel_size: 4}"
ODD = "must be odd, so that the map keeps its size"
PLAIN = "write mappings, lists, strings, numbers and booleans only"


def edit(*changes):
    text = GOOD
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


WRONG = {
    "unknown key and missing key": (
        edit(("width: 32", "widht: 32")),
        [
            "a.yaml:2: stages.0.width: is required; add 'width'",
            "a.yaml:3: stages.0.widht: is an unknown key; did you mean 'width'?",
        ],
    ),
    "unknown type": (
        edit(("type: window", "type: windw")),
        [
            "a.yaml:6: stages.0.blocks.0.attention.type: must be a known type, but got 'windw'; "
            "did you mean 'window'?"
        ],
    ),
    "unknown key inside a type": (
        edit(("window_size", "windw_size")),
        [
            "a.yaml:6: stages.0.blocks.0.attention.window_size: is required; add 'window_size'",
            "a.yaml:6: stages.0.blocks.0.attention.windw_size: is an unknown key; "
            "did you mean 'window_size'?",
        ],
    ),
    "unknown type as a word": (
        edit((FFN, "ffn: mpl")),
        [
            "a.yaml:7: stages.0.blocks.0.ffn.type: must be a known type, but got 'mpl'; "
            "did you mean 'mlp'?"
        ],
    ),
    "no type": (
        edit((FFN, "ffn: {expansion: 2}")),
        [
            "a.yaml:7: stages.0.blocks.0.ffn: needs a 'type' (got {'expansion': 2}); "
            "write {type: ...}"
        ],
    ),
    "heads do not divide": (
        edit(("num_heads: 4", "num_heads: 5")),
        ["a.yaml:4: stages.0.num_heads: must divide the width 32, but got 5; use 4 or 8"],
    ),
    "head size does not divide": (
        edit(("num_heads: 4", "head_dim: 5")),
        ["a.yaml:4: stages.0.head_dim: must divide the width 32, but got 5; use 4 or 8"],
    ),
    "no heads": (
        edit(("    num_heads: 4\n", "")),
        [
            "a.yaml:2: stages.0.num_heads: exactly one of num_heads and head_dim must be given, "
            "not neither"
        ],
    ),
    "heads twice": (
        edit(("num_heads: 4", "num_heads: 4\n    head_dim: 8")),
        [
            "a.yaml:4: stages.0.num_heads: exactly one of num_heads and head_dim must be given, "
            "not both"
        ],
    ),
    "too small": (
        edit(("depth: 2", "depth: 0")),
        ["a.yaml:2: stages.0.depth: must be at least 1, but got 0"],
    ),
    "no whole number": (
        edit(("depth: 2", "depth: 2.5")),
        ["a.yaml:2: stages.0.depth: must be a whole number, but got 2.5"],
    ),
    "no number": (
        edit(("depth: 2", "depth: two")),
        ["a.yaml:2: stages.0.depth: must be a whole number, but got 'two'"],
    ),
    "negative ratio": (
        edit(("expansion: 2", "expansion: -1")),
        ["a.yaml:7: stages.0.blocks.0.ffn.expansion: must be greater than 0, but got -1"],
    ),
    "infinite ratio": (
        edit(("expansion: 2", "expansion: .inf")),
        ["a.yaml:7: stages.0.blocks.0.ffn.expansion: must be a finite number, but got inf"],
    ),
    "flag as a number": (
        GOOD + "    class_token: 1\n",
        ["a.yaml:8: stages.0.class_token: must be true or false, but got 1"],
    ),
    "downsample in the first stage": (
        GOOD + "    downsample: merge\n",
        [
            "a.yaml:8: stages.0.downsample: the first stage must have none: the stem makes its "
            "map, but got 'merge'; remove it"
        ],
    ),
    "even kernel of positions": (
        GOOD + "    position: {type: conditional, kernel_size: 4}\n",
        [f"a.yaml:8: stages.0.position.kernel_size: {ODD}, but got 4"],
    ),
    "even kernels in a block": (
        edit(
            (
                FFN,
                "ffn: {type: locality, kernel_size: 2}\n        " + AGGREGATION,
            )
        ),
        [
            f"a.yaml:7: stages.0.blocks.0.ffn.kernel_size: {ODD}, but got 2",
            f"a.yaml:8: stages.0.blocks.0.local_aggregation.kernel_size: {ODD}, but got 4",
        ],
    ),
    "two numbers of global tokens": (
        edit((WINDOW, "{type: window_global, window_size: 4, global_tokens: 2}")) + SECOND_BLOCK,
        [
            "a.yaml:5: stages.0.blocks: all blocks of a stage must share one number of global "
            "tokens, but got [2, 3]"
        ],
    ),
    "class token that is not there": (
        GOOD + "head: {type: pooled, pooling: class_token}\n",
        [
            "a.yaml:8: head.pooling: needs a class token in the last stage; "
            "set class_token: true there, or use pooling: mean"
        ],
    ),
    "no such pooling": (
        GOOD + "head: {type: pooled, pooling: maximum}\n",
        [
            "a.yaml:8: head.pooling: must be one of 'mean', 'mean_all' or 'class_token', "
            "but got 'maximum'"
        ],
    ),
    "no such stride": (
        GOOD + "stem: {type: conv, stride: 3}\n",
        ["a.yaml:8: stem.stride: must be one of 1, 2, 4, 8 or 16, but got 3"],
    ),
    "two unrelated problems": (
        GOOD + "image_size: 0\nnum_clases: 5\n",
        [
            "a.yaml:8: image_size: must be at least 1, but got 0",
            "a.yaml:9: num_clases: is an unknown key; did you mean 'num_classes'?",
        ],
    ),
    "too large": (GOOD + "norm_eps: 2\n", ["a.yaml:8: norm_eps: must be less than 1, but got 2"]),
    "no stages": ("stages: []\n", ["a.yaml:1: stages: must not be empty, but got []"]),
    "empty file": ("", ["a.yaml: must be a mapping of keys, but is nothing"]),
    "list": ("- 1\n", ["a.yaml: must be a mapping of keys, but is list"]),
    "written twice": (
        GOOD + "stages: []\n",
        ["a.yaml:8: stages: a key must be written once; remove one of the two"],
    ),
    "no YAML": (
        GOOD + "stem: {type: conv, stride: 4\n",
        [
            "a.yaml:9: must be plain YAML: a bracket is never closed; close it",
        ],
    ),
    "Python object": (
        "a: !!python/object:os.system {}\n",
        [
            "a.yaml:1: must be plain YAML: the tag python/object:os.system is not known here; "
            "remove the tag, and " + PLAIN
        ],
    ),
}


def test_the_text_that_is_edited_is_right():
    arch = arch_from(parse_yaml(GOOD, "a.yaml"))
    assert (arch.stages[0].depth, arch.stages[0].width, arch.stages[0].heads) == (2, 32, 4)


@pytest.mark.parametrize("name", WRONG)
def test_error_text(name):
    text, expected = WRONG[name]
    with pytest.raises(InputError) as caught:
        arch_from(parse_yaml(text, "a.yaml"))
    assert str(caught.value).splitlines() == expected


def test_missing_and_binary_files(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.yaml: there is no such file; check the path"):
        load_arch(tmp_path / "nowhere.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"must be UTF-8 text .*save it as UTF-8"):
        load_arch(tmp_path / "binary.yaml")
    with pytest.raises(InputError, match="cannot be read"):
        load_arch(tmp_path)
