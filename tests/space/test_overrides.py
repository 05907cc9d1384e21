"""Values of a space file changed by paths: what they lead to, and where wrong ones end."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from archsearch.errors import InputError
from archsearch.resources import resource_dir, resource_names
from archsearch.space import load_space
from archsearch.space.overrides import with_overrides
from archsearch.yaml_source import YamlSource

FILE = """\
image_size: 32
parameters:
  grow: {choice: [2, 3]}
stage_defaults:
  head_dim: 16
  downsample: merge
  ffn: {type: mlp, expansion: 2}
  attention:
    choice:
      - {type: window, window_size: {choice: [2, 4]}}
      - {type: sparse_global, sample_rate: 2}
stem: {type: conv, stride: 4}
stages:
  - {depth: 1, width: 16}
  - {depth: {int: [1, 2]}, width: {choice: [16, 32]}, ffn: {expansion: {ref: grow}}}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "s.yaml"
    file.write_text(FILE)
    return file


def written_by_hand(**changes: Any) -> dict[str, Any]:
    data = yaml.safe_load(FILE)
    for key, value in changes.items():
        data[key] = value
    return dict(data)


#: overrides -> the same file as a person would write it
CASES: dict[str, tuple[dict[str, Any], Any]] = {
    "a value is fixed": (
        {"stages.1.depth": 2},
        lambda data: data["stages"][1].update(depth=2),
    ),
    "brackets": (
        {"stages[1].width": {"choice": [32, 48]}},
        lambda data: data["stages"][1].update(width={"choice": [32, 48]}),
    ),
    "all stages": (
        {"stages.*.width": 32},
        lambda data: [stage.update(width=32) for stage in data["stages"]],
    ),
    "a range of stages": (
        {"stages.0-1.depth": 1},
        lambda data: [stage.update(depth=1) for stage in data["stages"]],
    ),
    "a default of one stage": (
        {"stages.0.ffn.expansion": 4},
        lambda data: data["stages"][0].update(ffn={"type": "mlp", "expansion": 4}),
    ),
    "a default of all": (
        {"stage_defaults.ffn.expansion": {"choice": [2, 4]}},
        lambda data: data["stage_defaults"]["ffn"].update(expansion={"choice": [2, 4]}),
    ),
    "through a choice, in the options that have it": (
        {"stages.0.attention.window_size": 4},
        lambda data: data["stages"][0].update(
            attention={
                "choice": [
                    {"type": "window", "window_size": 4},
                    {"type": "sparse_global", "sample_rate": 2},
                ]
            }
        ),
    ),
    "an option by its number": (
        {"stage_defaults.attention.choice.0.window_size": 2},
        lambda data: data["stage_defaults"]["attention"]["choice"][0].update(window_size=2),
    ),
    "a part that the file leaves out": (
        {"rules.widths_do_not_shrink": False},
        lambda data: data.update(rules={"widths_do_not_shrink": False}),
    ),
    "the other of two keys": (
        {"stage_defaults.num_heads": 1},
        lambda data: (
            data["stage_defaults"].pop("head_dim"),
            data["stage_defaults"].update(num_heads=1),
        ),
    ),
    "a named parameter": (
        {"parameters.grow": {"choice": [3, 4]}},
        lambda data: data["parameters"].update(grow={"choice": [3, 4]}),
    ),
    "the last use of a parameter": (
        {"stages.1.ffn.expansion": 2},
        lambda data: (data.pop("parameters"), data["stages"][1].update(ffn={"expansion": 2})),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_as_if_written_so(case: str, path: Path, tmp_path: Path) -> None:
    overrides, change = CASES[case]
    data = written_by_hand()
    change(data)
    by_hand = tmp_path / "t.yaml"
    by_hand.write_text(yaml.safe_dump(data))
    assert load_space(path, overrides).digest == load_space(by_hand).digest
    assert load_space(path, overrides).digest != load_space(path).digest


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"stages.1.widht": 3}, "space.stages.1.widht: is an unknown key; did you mean 'width'?"),
        ({"stges": 3}, "space.stges: is an unknown key; did you mean 'stages'"),
        ({"stges.0.depth": 3}, "space.stges.0.depth: 'stges' is an unknown key; did you mean"),
        ({"stages.2.depth": 3}, "space.stages.2.depth: stages has 2 items, counted from 0"),
        ({"stages.x.depth": 3}, "space.stages.x.depth: stages has 2 items, counted from 0"),
        ({"stages.0.depth.low": 3}, "space.stages.0.depth.low: stages.0.depth is a value"),
        ({"stages.0.depth": 0}, "space.stages.0.depth: must be at least 1"),
        (
            {"stages.0.depth": {"choice": [1, "x"]}},
            "space.stages.0.depth.choice.1: must be a whole number, but got 'x'",
        ),
        (
            {"stages.0.attention.windowsize": 4},
            "space.stages.0.attention.windowsize: stages.0.attention has no such key "
            "(got 'windowsize'); did you mean 'window_size'?",
        ),
        ({"rules.grow": 1}, "space.rules.grow: is an unknown key"),
        ({"parameters.unused": 1}, "space.parameters.unused: is not used anywhere"),
    ],
)
def test_wrong_paths_and_values(overrides: Mapping[str, Any], expected: str, path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_space(path, overrides)
    assert [str(each) for each in caught.value.problems if str(each).startswith(expected)]
    assert str(path) not in str(caught.value), "the file is not to blame"


def test_all_problems_at_once(path: Path) -> None:
    overrides = {"stages.5.depth": 1, "stages.0.depth": 0, "stges": 1}
    with pytest.raises(InputError) as caught:
        load_space(path, overrides)
    assert {each.key for each in caught.value.problems} == {f"space.{key}" for key in overrides}


@pytest.mark.parametrize("name", resource_names("spaces"))
def test_the_file_itself_is_not_changed(name: str) -> None:
    data = yaml.safe_load((resource_dir("spaces") / f"{name}.yaml").read_text())
    before = yaml.safe_dump(data)
    changed = with_overrides(YamlSource(name, data), {"stages.*.depth": 1, "stages.0.width": 32})
    assert yaml.safe_dump(data) == before
    assert yaml.safe_dump(changed.source.data) != before
