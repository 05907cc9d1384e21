"""``KEY=VALUE`` and the grammar of paths."""

from typing import Any

import pytest

from archsearch.errors import InputError
from archsearch.settings import indices, settings_from, split_path


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("recipe.epochs=10", ("recipe", "epochs"), 10),
        ("recipe.learning_rate=1.0e-3", ("recipe", "learning_rate"), 0.001),
        (" seed = 3 ", ("seed",), 3),
        ("recipe.clip_norm=null", ("recipe", "clip_norm"), None),
        ("recipe.clip_norm=", ("recipe", "clip_norm"), None),
        ("early_stopping=false", ("early_stopping",), False),
        ("rungs=[2, 6]", ("rungs",), [2, 6]),
        (
            "space.stages[1].width={choice: [32, 48]}",
            ("space", "stages", "1", "width"),
            {"choice": [32, 48]},
        ),
        ("data=folder:/a=b", ("data",), "folder:/a=b"),
        ("space.stages[*].depth=2", ("space", "stages", "*", "depth"), 2),
        ("space.stages[0-1].depth=2", ("space", "stages", "0-1", "depth"), 2),
    ],
)
def test_good(text: str, path: tuple[str, ...], value: Any) -> None:
    (setting,) = settings_from([text])
    assert setting.path == path
    assert setting.value == value


@pytest.mark.parametrize("text", ["", "=", "=3", "epochs", "recipe..epochs=3", ".a=1", "a.=1"])
def test_no_setting(text: str) -> None:
    with pytest.raises(InputError, match=r"--set: must be KEY=VALUE.*e\.g\. recipe\.epochs=10"):
        settings_from([text])


@pytest.mark.parametrize(
    "value", ["{", "[1, 2", "!!python/object:os.system {}", "{a: 1, a: 2}", "'x"]
)
def test_no_yaml(value: str) -> None:
    with pytest.raises(InputError, match=r"--set recipe\.epochs: ") as caught:
        settings_from([f"recipe.epochs={value}"])
    assert value in str(caught.value)


def test_all_problems_at_once_and_nothing_twice() -> None:
    with pytest.raises(InputError) as caught:
        settings_from(["a", "b={", "stages[0].depth=1", "stages.0.depth=2"])
    assert [problem.key for problem in caught.value.problems] == [
        "--set",
        "--set b",
        "--set stages.0.depth",
    ]


def test_brackets_are_dots() -> None:
    assert split_path("stages[1].blocks[ 0 ].x") == split_path("stages.1.blocks.0.x")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("0", [0]), ("3", []), ("*", [0, 1, 2]), ("1-2", [1, 2]), ("2-1", []), ("1-3", []), ("x", [])],
)
def test_indices(name: str, expected: list[int]) -> None:
    assert list(indices(name, 3)) == expected
