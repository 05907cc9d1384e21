"""Fractions of factorials, against the orthogonal arrays that are known to be best."""

import itertools

import numpy as np
import pytest

from archsearch.ablation.fractional_design import fractional_factorial, full_factorial


def test_a_full_factorial_has_every_combination_once() -> None:
    design = full_factorial([2, 3, 2])
    assert {tuple(row) for row in design} == set(itertools.product(range(2), range(3), range(2)))
    assert design[0].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("num_levels", "count"), [([2, 2, 2], 4), ([2] * 5, 16), ([2] * 5, 8), ([3, 3, 3], 9)]
)
def test_an_orthogonal_array_is_found_where_there_is_one(num_levels: list[int], count: int) -> None:
    design = fractional_factorial(num_levels, count)
    assert len({tuple(row) for row in design}) == count
    assert design[0].tolist() == [0] * len(num_levels), "the base is always trained"
    for left, right in itertools.combinations(range(len(num_levels)), 2):
        pairs = np.unique(design[:, [left, right]], axis=0, return_counts=True)[1]
        assert len(pairs) == num_levels[left] * num_levels[right]
        assert set(pairs) == {count // len(pairs)}, "each pair of levels equally often"


def test_a_half_of_five_factors_tells_interactions_apart() -> None:
    """The 2^(5-1) design of resolution V: main effects and interactions are all orthogonal."""
    signs = 2 * fractional_factorial([2] * 5, 16) - 1
    columns = [signs[:, i] for i in range(5)]
    columns += [signs[:, i] * signs[:, j] for i, j in itertools.combinations(range(5), 2)]
    matrix = np.column_stack([np.ones(16), *columns])
    np.testing.assert_array_equal(matrix.T @ matrix, 16 * np.eye(16))


def test_a_fraction_is_the_same_each_time() -> None:
    first, second = (fractional_factorial([3, 2, 4], 10) for _ in range(2))
    np.testing.assert_array_equal(first, second)
