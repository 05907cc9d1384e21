"""Wrong input on the command line: every problem with its place, exit code 2, nothing written."""

from pathlib import Path

import pytest

from archsearch.cli.app import main

STAGE = """\
  - depth: 1
    width: 32
    head_dim: 16
    blocks: [{attention: self_attention, ffn: mlp}]
"""
GOOD = "image_size: 32\nstages:\n" + STAGE


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "500")
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """Run, expect exit code 2 and an untouched folder, and return the errors."""
    before = sorted(Path.cwd().rglob("*"))
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert ended.value.code == 2
    assert sorted(Path.cwd().rglob("*")) == before, "wrong input must leave nothing behind"
    lines = capsys.readouterr().err.splitlines()
    return [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]


SPACES = {
    "unknown key": (
        GOOD.replace("width: 32", "width: 32\n    widht: 3"),
        ["s.yaml:5: stages.0.widht: is an unknown key; did you mean 'width'?"],
    ),
    "misspelt type": (
        GOOD.replace("self_attention", "self_atention"),
        [
            "s.yaml:6: stages.0.blocks.0.attention.type: must be a known type, but got "
            "'self_atention'; did you mean 'self_attention'?"
        ],
    ),
    "low above high": (
        GOOD.replace("depth: 1", "depth: {int: [3, 1]}"),
        ["s.yaml:3: stages.0.depth.int: low <= high must hold, but got [3, 1]; write [1, 3]"],
    ),
    "heads that do not divide": (
        GOOD.replace("head_dim: 16", "num_heads: 5"),
        ["s.yaml:5: stages.0.num_heads: must divide the width 32, but got 5; use 4 or 8"],
    ),
    "not YAML": (
        "stages: [",
        ["s.yaml:1: must be plain YAML: a bracket is never closed; close it"],
    ),
    "a Python object": (
        "stages: !!python/object:os.system {}",
        [
            "s.yaml:1: must be plain YAML: the tag python/object:os.system is not known "
            "here; remove the tag, and write mappings, lists, strings, numbers and booleans only"
        ],
    ),
    "several at once": (
        GOOD.replace("depth: 1", "depth: 0").replace("head_dim: 16", "num_heads: 5"),
        [
            "s.yaml:3: stages.0.depth: must be at least 1, but got 0",
            "s.yaml:5: stages.0.num_heads: must divide the width 32, but got 5; use 4 or 8",
        ],
    ),
}


@pytest.mark.parametrize("case", sorted(SPACES))
def test_wrong_space_files(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    text, expected = SPACES[case]
    Path("s.yaml").write_text(text)
    assert refused(capsys, "run", "s.yaml") == expected


def image_folder(*classes: str) -> Path:
    for split in ("train", "val"):
        for name in classes:
            folder = Path("images") / split / name
            folder.mkdir(parents=True)
            for index in range(4):
                (folder / f"broken{index}.png").write_bytes(b"no image")
    return Path("images")


def test_missing_data_folder(capsys: pytest.CaptureFixture[str]) -> None:
    (error,) = refused(capsys, "run", "tiny", "--data", "folder:nowhere")
    assert error == "nowhere: there is no such folder; check the path"


def test_folder_with_one_class(capsys: pytest.CaptureFixture[str]) -> None:
    image_folder("cat")
    errors = refused(capsys, "run", "tiny", "--data", "folder:images")
    assert any("must have at least two class folders, but got ['cat']" in e for e in errors)


def test_unreadable_images_are_all_named(capsys: pytest.CaptureFixture[str]) -> None:
    image_folder("cat", "dog")
    errors = refused(capsys, "run", "tiny", "--data", "folder:images")
    for name in ("train/cat/broken0.png", "train/dog/broken3.png", "val/cat/broken0.png"):
        assert any(name in error for error in errors)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--budget-ms", "0"], "--budget-ms: must be greater than 0, but got 0.0"),
        (["--budget-ms", "-3"], "--budget-ms: must be greater than 0, but got -3.0"),
        (["--trials", "0"], "--trials: must be at least 1, but got 0"),
        (
            ["--front-seeds", "-1"],
            "--front-seeds: must be at least 0, but got -1",
        ),
        (["--epochs", "0"], "--epochs: must be at least 1, but got 0"),
        (
            ["--sampler", "evolutoin"],
            "--sampler: must be a known sampler, but got 'evolutoin'; did you mean 'evolution'?",
        ),
        (["--executor", "slurm"], "--executor: must be one of 'ray' or 'inline', but got 'slurm'"),
        (
            ["--time-limit", "3x"],
            "--time-limit: must be a duration above 0, a number with s, m, h or d, "
            "but got '3x'; e.g. 30m",
        ),
        (
            ["--name", "a/b"],
            "--name: must be the name of one folder, without a path, but got 'a/b'; choose "
            "another name",
        ),
        (
            ["--data", "digit"],
            "--data: must be a known data set, but got 'digit'; did you mean 'digits'?",
        ),
    ],
)
def test_wrong_options(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refused(capsys, "run", "tiny", *arguments) == [expected]


def test_an_unknown_space_offers_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    (error,) = refused(capsys, "run", "lightwieght")
    assert error.startswith("lightwieght: there is no such file; did you mean 'lightweight'")


@pytest.mark.parametrize("command", ["front", "report", "export"])
def test_a_folder_that_is_no_run(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    (error,) = refused(capsys, command, "nothing")
    assert "is not the folder of a run" in error
