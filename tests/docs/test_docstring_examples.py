"""The examples in the docstrings of the public names run, and print what they say."""

import doctest
from pathlib import Path

import pytest

import archsearch

#: measure, train or search
LONG = {"Probe", "Trainer", "run_search"}
NAMES = sorted({*archsearch.__all__, "search"})


def examples() -> list:
    found = []
    for name in NAMES:
        thing = getattr(archsearch, name)
        if name == "search":
            thing = thing.search
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
