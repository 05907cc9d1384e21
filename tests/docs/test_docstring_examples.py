"""The examples in docstrings of public names run, and print what they say."""

import doctest
from pathlib import Path

import pytest

import archsearch
from archsearch import zoo
from archsearch.export import fuse
from archsearch.search import search

#: measure, train or search
LONG = {"Probe", "Trainer", "run_search"}
THINGS = {name: getattr(archsearch, name) for name in archsearch.__all__}
THINGS |= {"search": search, "zoo.arch": zoo.arch, "fuse": fuse}


def examples() -> list:
    found = []
    for name, thing in THINGS.items():
        test = doctest.DocTestParser().get_doctest(thing.__doc__ or "", {}, name, None, 0)
        if test.examples:
            marks = [pytest.mark.slow] if name in LONG else []
            found.append(pytest.param(test, id=name, marks=marks))
    return found


EXAMPLES = examples()


@pytest.mark.parametrize("example", EXAMPLES)
def test_example(example: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    printed: list[str] = []
    outcome = doctest.DocTestRunner().run(example, out=printed.append)
    assert not outcome.failed, "".join(printed)


def test_what_people_copy_has_an_example() -> None:
    names = {each.id for each in EXAMPLES}
    assert names >= {"build_model", "load_space", "load_data", "search", "run_search", "Probe"}
