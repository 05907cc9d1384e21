"""Whole-number warping against floating point, and its exact cases."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from archsearch.data.image_warp import SCALE_STEPS, TURN_STEPS, warp


def in_floats(source: np.ndarray, side: int, scale: int, turn: int) -> np.ndarray:
    """The same in floating point, by SciPy."""
    angle = 2 * np.arctan(turn / TURN_STEPS)
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    y, x = y * SCALE_STEPS / scale, x * SCALE_STEPS / scale
    rows = np.cos(angle) * y - np.sin(angle) * x + (source.shape[0] - 1) / 2
    columns = np.sin(angle) * y + np.cos(angle) * x + (source.shape[1] - 1) / 2
    bordered = np.pad(source.astype(float), 2)
    return map_coordinates(bordered, [rows + 2, columns + 2], order=1)


@pytest.mark.parametrize("shape", [(8, 8), (4, 4), (5, 3)])
@pytest.mark.parametrize("scale", [12, 16, 27, 52])
@pytest.mark.parametrize("turn", [-64, -13, 0, 1, 40])
def test_as_in_floats(shape, scale, turn):
    source = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    drawn = warp(source[None], 30, np.array([scale]), np.array([turn]))
    expected = in_floats(source, 30, scale, turn)
    # coordinates are whole 1/256 of a pixel, over which a value changes by at most 255/256 twice
    np.testing.assert_allclose(drawn[0], expected, atol=3)


def test_scale_one_changes_nothing():
    source = np.random.default_rng(0).integers(0, 256, (3, 8, 8), dtype=np.uint8)
    drawn = warp(source, 8, np.full(3, SCALE_STEPS), np.zeros(3, np.int64))
    np.testing.assert_array_equal(drawn, source)


def test_a_half_tangent_of_one_is_a_right_angle():
    source = np.random.default_rng(0).integers(0, 256, (1, 8, 8), dtype=np.uint8)
    (left,) = warp(source, 8, np.array([SCALE_STEPS]), np.array([TURN_STEPS]))
    (right,) = warp(source, 8, np.array([SCALE_STEPS]), np.array([-TURN_STEPS]))
    np.testing.assert_array_equal(np.rot90(left, 2), right)
    assert any(np.array_equal(left, np.rot90(source[0], k)) for k in (1, 3))


def test_each_image_is_drawn_alone():
    rng = np.random.default_rng(0)
    sources = rng.integers(0, 256, (5, 8, 8), dtype=np.uint8)
    scales, turns = rng.integers(16, 50, 5), rng.integers(-64, 65, 5)
    together = warp(sources, 20, scales, turns)
    for index in range(5):
        one = slice(index, index + 1)
        np.testing.assert_array_equal(
            warp(sources[one], 20, scales[one], turns[one])[0], together[index]
        )
