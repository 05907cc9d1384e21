"""Configurations as vectors."""

import numpy as np
import pytest

from archsearch.space import SearchSpace, load_space, space_from
from archsearch.yaml_source import parse_yaml
from tests.space.small_spaces import SPACES


def space_of(name: str) -> SearchSpace:
    return space_from(parse_yaml(SPACES[name], f"{name}.yaml"), name)


@pytest.mark.parametrize("name", SPACES)
def test_different_configurations_have_different_vectors(name: str) -> None:
    space = space_of(name)
    configurations = list(space.plan.configurations())
    rows = np.array([space.encode(params) for params in configurations])
    assert rows.shape == (space.count(), len(space.encoding.columns))
    assert rows.dtype == np.float64
    assert len(np.unique(rows, axis=0)) == space.count()
    assert rows.min(initial=0) >= 0
    assert rows.max(initial=0) <= 1


def test_different_architectures_of_tiny_have_different_vectors() -> None:
    space = load_space("tiny")
    rows = {tuple(space.encode(params)) for params in space.enumerate()}
    assert len(rows) == space.count_distinct()


def test_columns_and_values() -> None:
    text = """\
parameters:
  op: {choice: [{type: conv, kernel: {choice: [7, 3, 5]}}, skip]}
  layers: {int: [2, 8], step: 2}
  fixed: {choice: [1]}
"""
    space = space_from(parse_yaml(text), "flat")
    assert space.encoding.columns == (
        "op=conv",
        "op=skip",
        "op.conv.kernel is active",
        "op.conv.kernel",
        "layers",
    )
    conv = {"op": "conv", "op.conv.kernel": 5, "layers": 8, "fixed": 1}
    assert space.encode(conv).tolist() == [1, 0, 1, 0.5, 1]
    skip = {"op": "skip", "op.conv.kernel": 5, "layers": 4, "fixed": 1}  # an inactive one
    assert space.encode(skip).tolist() == [0, 1, 0, 0, pytest.approx(1 / 3)]
