"""Definitions come with all that they need, and nothing that needs archsearch."""

import pytest

from archsearch.export import ExportError
from archsearch.export.proof import load_source
from archsearch.export.source_collection import Library

FIRST = '''
"""One file of blocks."""
import math
import torch.nn.functional as F
from torch import Tensor, nn
from archsearch.arch import AttentionSpec
from archsearch.blocks import Mlp as Base

SCALE = 2.0
UNUSED = 3.0


def scaled(x: "Tensor") -> "Tensor":
    # SCALE is what the caller expects
    SCALE_HERE = SCALE
    return x * SCALE_HERE


class Mixer(Base):
    """Double."""

    def forward(self, x, tokens):
        unused = lambda UNUSED: UNUSED
        return scaled(F.relu(x)) + math.pi, None


class Mixing(AttentionSpec):
    """Needs archsearch."""
'''
SECOND = """
import torch.nn.functional as functional
from torch import nn

SCALE = 5.0


class Mixer(nn.Module):
    def forward(self, x):
        return functional.relu(x) * SCALE

    def again(self):
        return Mixer()
"""


def library(**texts: str) -> Library:
    return Library(texts, frozenset(texts))


def test_what_is_needed_comes_ahead_and_nothing_else() -> None:
    text = library(first=FIRST).text([("first", "Mixer")])
    assert text.index("class Mlp") < text.index("class Mixer(Mlp)")
    assert text.index("SCALE = 2.0") < text.index("def scaled") < text.index("class Mixer")
    assert "# SCALE is what the caller expects" in text
    for absent in ("UNUSED = ", "Mixing", "archsearch", "import AttentionSpec"):
        assert absent not in text
    load_source(text)


def test_equal_names_of_two_files_are_distinguished() -> None:
    text = library(first=FIRST, second=SECOND).text([("first", "Mixer"), ("second", "Mixer")])
    module = load_source(text)
    assert (module.SCALE, module.SCALE2) == (2.0, 5.0)
    assert type(module.Mixer2().again()) is module.Mixer2
    assert "F.relu(x) * SCALE2" in text
    assert text.count("import torch.nn.functional") == 1


def test_imports_are_sorted() -> None:
    text = library(
        first="import sys\nimport torch.nn\nfrom torch import nn, Tensor as T, float32\n"
        "from os import path, PathLike\nfrom json import JSONDecodeError as Error\nimport re as r\n"
        "X = (sys, torch.nn, nn, T, float32, path, PathLike, Error, r)\n"
    ).text([("first", "X")])
    assert text.split("\n\nX")[0].splitlines() == [
        "import re as r",
        "import sys",
        "from json import JSONDecodeError as Error",
        "from os import PathLike, path",
        "",
        "import torch.nn",
        "from torch import Tensor as T",
        "from torch import float32, nn",
    ]


def test_what_needs_archsearch_is_named() -> None:
    text = "from archsearch.arch import Arch\n\n\ndef make():\n    return Arch\n"
    with pytest.raises(ExportError, match=r"cannot hold Arch of archsearch\.arch"):
        library(first=text).text([("first", "make")])
    text = "from archsearch import blocks\n\n\ndef make():\n    return blocks.Mlp\n"
    with pytest.raises(ExportError, match=r"import classes and functions of archsearch\.blocks"):
        library(first=text).text([("first", "make")])
