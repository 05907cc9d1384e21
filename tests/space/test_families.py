"""Each family space holds the family's published models."""

from pathlib import Path

import pytest

import archsearch
from archsearch.arch import load_arch
from archsearch.space import load_space

PUBLISHED = sorted(Path(archsearch.__file__).parent.glob("zoo/archs/*.yaml"))
FAMILIES = ("lightvit", "edgevit", "localvit", "sepvit")
MEMBERS = [path for path in PUBLISHED if path.stem.split("_")[0] in FAMILIES]


def test_every_family_has_members() -> None:
    assert {path.stem.split("_")[0] for path in MEMBERS} == set(FAMILIES)


@pytest.mark.parametrize("path", MEMBERS, ids=lambda path: path.stem)
def test_family_space_holds(path: Path) -> None:
    arch = load_arch(path)
    space = load_space(path.stem.split("_")[0])
    params = space.params_of(arch)
    assert params is not None
    assert space.arch(params).digest == arch.digest
