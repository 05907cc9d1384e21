"""The Dockerfile names what there is, and brings all that the wheel is made of."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LINES = [
    line for line in TEXT.replace("\\\n", " ").splitlines() if line and not line.startswith("#")
]


def test_targets() -> None:
    stages = re.findall(r"^FROM \S+ AS (\w+)$", TEXT, re.MULTILINE)
    assert set(stages) == {"wheel", "cpu", "cuda"}
    assert stages[-1] == "cpu", "the one that is built when none is named"


def test_the_builder_gets_all_that_the_wheel_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {"pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]}
    needed |= {*wheel["packages"], *wheel["force-include"]}
    copied = {
        name
        for line in LINES
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    }
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_through = {line.removeprefix("!") for line in ignore if line.startswith("!")}
    assert copied == needed == let_through
    assert all((ROOT / name).exists() for name in copied)


def test_nobody_is_root_and_both_targets_end_alike() -> None:
    ends = [part.split("USER archsearch")[1] for part in TEXT.split("\nFROM ")[2:]]
    assert len(ends) == 2
    for end in ends:
        assert 'ENTRYPOINT ["archsearch"]' in end
        assert 'VOLUME ["/work", "/cache"]' in end


def test_extras_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for default in re.findall(r'ARG EXTRAS="([\w,]*)"', TEXT):
        assert set(default.split(",")) <= set(project["project"]["optional-dependencies"])


def test_no_package_index_is_named() -> None:
    assert "://" not in TEXT
    assert re.findall(r"ARG TORCH_INDEX_URL=(.*)", TEXT) == ['""', '""']
