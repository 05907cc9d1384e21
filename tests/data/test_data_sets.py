import subprocess
import sys

import pytest

from archsearch.data import DATA_NAMES, load_data
from archsearch.errors import InputError


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("digit", "did you mean 'digits'?"),
        ("cifar", "did you mean 'cifar10' or 'cifar100'?"),
        ("folder", "did you mean 'folder:PATH'?"),
        ("folder:", "did you mean 'folder:PATH'?"),
        ("digits:here", "did you mean 'digits'?"),
        ("cluttered", "did you mean 'cluttered-digits'?"),
        ("x", "known: cifar10, cifar100, cluttered-digits, digits, fashion-mnist, folder:PATH"),
    ],
)
def test_unknown_name(name, remedy):
    with pytest.raises(InputError) as caught:
        load_data(name, image_size=32)
    assert str(caught.value) == f"data: must be a known data set, but got {name!r}; {remedy}"


def test_all_wrong_arguments_at_once():
    with pytest.raises(InputError) as caught:
        load_data("minst", image_size=0, limit=-1, channels=2)
    assert [problem.key for problem in caught.value.problems] == [
        "data",
        "image_size",
        "limit",
        "channels",
    ]


def test_names_are_loadable():
    assert [name.partition(":")[0] for name in DATA_NAMES] == [
        "digits",
        "cluttered-digits",
        "fashion-mnist",
        "cifar10",
        "cifar100",
        "folder",
    ]


def test_splits_unpickle_without_scikit_learn():
    code = "import sys, archsearch.data; assert 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
