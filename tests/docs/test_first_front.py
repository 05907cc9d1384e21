"""The way from a folder of photos to a file that runs, in the words of the page."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PAGE = Path(__file__).parents[2] / "docs" / "first_front.md"
#: what a test may leave out of a command, with what stands in for it: time, not meaning
SMALLER = {
    "--trials 6 --epochs 5": "--trials 2 --epochs 1 --front-seeds 0 --calibration 0",
    "--epochs 20": "--epochs 1",
    # a busy machine may take longer than 10 ms for whatever two trials find
    "--budget-ms 10": "--budget-ms 1000 --name lightweight-photos-10ms",
}


def section() -> str:
    text = PAGE.read_text(encoding="utf-8")
    return text.split("## From your photos to a file that runs\n")[1].split("\n## ")[0]


def commands() -> list[str]:
    blocks = re.findall(r"```bash\n(.*?)```", section(), re.DOTALL)
    return [line for block in blocks for line in block.strip().splitlines()]


def scripts() -> dict[str, str]:
    """Return the scripts of the page by the names that it gives them."""
    codes = re.findall(r"```python\n(.*?)```", section(), re.DOTALL)
    names = re.findall(r"as `(\w+\.py)`", section())
    return dict(zip(names, codes, strict=True))


def make_photos(folder: Path) -> None:
    """Write photos of three classes that differ in colour, 24 x 20 pixels."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 12), ("val", 5)):
        for index, name in enumerate(("cat", "ship", "truck")):
            place = folder / part / name
            place.mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 120, (20, 24, 3), dtype=np.uint8)
                pixels[..., index] += 120
                Image.fromarray(pixels).save(place / f"{number}.png")


def test_the_page_has_the_whole_way():
    words = [command.split()[:2] for command in commands()]
    assert words == [
        ["archsearch", "run"],
        ["archsearch", "train"],
        ["archsearch", "export"],
        ["python", "classify.py"],
        ["archsearch", "export"],
        ["python", "classify_python.py"],
    ]


def test_the_scripts_need_no_archsearch():
    assert list(scripts()) == ["classify.py", "classify_python.py"]
    assert not any("archsearch" in code for code in scripts().values())


@pytest.mark.slow
def test_from_photos_to_a_file_that_runs(tmp_path):
    make_photos(tmp_path / "photos")
    for name, code in scripts().items():
        (tmp_path / name).write_text(code)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, words in (("archsearch", "-m archsearch"), ("python", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        (programs / name).chmod(0o755)
    root = str(Path(__file__).parents[2])
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": root,
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    said = []
    for command in commands():
        for long, short in SMALLER.items():
            command = command.replace(long, short)
        done = subprocess.run(
            command,
            shell=True,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        if command.startswith("python "):
            said.append(done.stdout)
    for text in said:
        lines = text.splitlines()
        assert sorted(line.split()[-1] for line in lines) == ["cat", "ship", "truck"]
        assert sum(float(line.split()[0]) for line in lines) == pytest.approx(100, abs=0.2)
    # the same photo, the same weights
    assert len(said) == 2
    shares = [
        {line.split()[-1]: float(line.split()[0]) for line in each.splitlines()} for each in said
    ]
    assert shares[0] == pytest.approx(shares[1], abs=0.2)
