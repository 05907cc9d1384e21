"""The public names are what they were, each is there, and each is documented."""

import importlib
from pathlib import Path

import pytest

import archsearch

NAMES = [
    "Arch",
    "ArchsearchError",
    "Block",
    "InputError",
    "Probe",
    "Recipe",
    "SearchConfig",
    "SearchSpace",
    "Stage",
    "Trainer",
    "build_model",
    "count_arch",
    "diff",
    "flat_space",
    "load_arch",
    "load_data",
    "load_run",
    "load_space",
    "run_search",
    "summary",
    "tune_space",
    "tune_trainable",
]
PARTS = sorted(path.parent.name for path in Path(archsearch.__file__).parent.glob("*/__init__.py"))


def test_the_public_names_are_these() -> None:
    assert archsearch.__all__ == NAMES
    assert set(NAMES) <= set(dir(archsearch))


@pytest.mark.parametrize("name", NAMES)
def test_each_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(archsearch, name)
    assert value.__doc__
    assert value.__module__.startswith("archsearch.")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Achr'"):
        _ = archsearch.Achr  # type: ignore[attr-defined]


@pytest.mark.parametrize("part", PARTS)
def test_each_part_lists_sorted_names_that_exist(part: str) -> None:
    module = importlib.import_module(f"archsearch.{part}")
    names = getattr(module, "__all__", [])
    assert len(set(names)) == len(names)
    for name in names:
        assert hasattr(module, name), f"archsearch.{part}.{name}"
