"""``--set`` on the command line: wrong ones end with exit code 2, nothing written."""

from pathlib import Path

import pytest

from archsearch.cli.app import main


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("run tiny --set", "needs a value"),
        ("run tiny --set x", "--set: must be KEY=VALUE"),
        (
            "run tiny --set recipe.lr=1",
            "--set recipe.lr: is an unknown key; did you mean 'learning_rate",
        ),
        ("run tiny --set seed=1 --seed 2", "--set seed: is given twice (got 1); leave out"),
        ("run tiny --set epochs=1 --epochs 2", "--set epochs: is given twice"),
        ("run digits_5ms --set space.stages.9.depth=1", "--set space.stages.9.depth: stages has"),
        (
            "train zoo:lightvit_tiny --set recipe.lr=1",
            "--set recipe.lr: is an unknown key of a recipe",
        ),
        ("train zoo:lightvit_tiny --set epochs=-1", "--set epochs: must be at least"),
        ("train zoo:lightvit_tiny --set x", "--set: must be KEY=VALUE"),
        (
            "ablate localvit_placement --data digits --set recipe.momentum=2",
            "--set recipe.momentum: must be at most 1, but got 2",
        ),
        (
            "ablate localvit_placement --data digits --set epochs=2 --epochs 3",
            "--set epochs: is given twice",
        ),
    ],
)
def test_wrong(
    command: str,
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "500")
    with pytest.raises(SystemExit) as ended:
        main(command.split())
    assert ended.value.code == 2
    assert expected in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "command",
    [
        "run tiny --dry-run --set recipe.learning_rate=0.00125",
        "ablate localvit_placement --data digits --dry-run --set learning_rate=0.00125",
    ],
)
def test_the_plan_shows_what_was_set(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(command.split())
    assert not ended.value.code
    assert "0.00125" in capsys.readouterr().out
