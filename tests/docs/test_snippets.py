"""The Python of the pages on own data and own evaluators runs as it stands there."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

DOCS = Path(__file__).parents[2] / "docs"
#: what a reader brings
READERS = {"train_and_test": lambda model: 0.5 + 1e-9 * sum(p.numel() for p in model.parameters())}
#: start a probe or search networks
LONG = ("Probe", "load_space", "Trainer")


def snippets() -> list:
    found = []
    for page in ("own_data.md", "own_evaluator.md"):
        text = (DOCS / page).read_text(encoding="utf-8")
        for index, code in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL)):
            marks = [pytest.mark.slow] if any(word in code for word in LONG) else []
            found.append(pytest.param(code, id=f"{page}-{index}", marks=marks))
    return found


@pytest.fixture
def images(tmp_path, monkeypatch):
    """The folder that the pages call my_images."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 10), ("val", 4)):
        for name in ("cat", "dog"):
            folder = tmp_path / "my_images" / part / name
            folder.mkdir(parents=True)
            for index in range(count):
                pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{index}.png")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("code", snippets())
def test_snippet(code, images, capsys):
    names = dict(READERS)
    exec(compile(code, "snippet", "exec"), names)
    result = names.get("result")
    if result is not None:
        assert result.front
        assert not any(trial.failure for trial in result.trials)
    if "print(" in code:
        assert capsys.readouterr().out
