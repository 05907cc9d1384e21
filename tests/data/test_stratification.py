import numpy as np
import pytest

from archsearch.data.stratification import draw, hold_out


def imbalanced(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.choice(5, size=997, p=[0.5, 0.25, 0.15, 0.08, 0.02])


@pytest.mark.parametrize("count", [5, 17, 100, 500, 996, 997])
def test_draw_keeps_shares(count):
    labels = imbalanced()
    chosen = draw(labels, count, np.random.default_rng(3))
    assert len(chosen) == count == len(np.unique(chosen))
    sizes = np.bincount(labels, minlength=5)
    taken = np.bincount(labels[chosen], minlength=5)
    exact = sizes * count / len(labels)
    # every class is within one image of its share, unless it was lifted to its single image
    assert np.all((np.abs(taken - exact) < 1.0) | (taken == 1) | (exact > sizes.mean()))
    assert taken.min() >= 1


def test_draw_fewer_than_classes():
    chosen = draw(imbalanced(), 3, np.random.default_rng(0))
    assert len(chosen) == 3


def test_draw_is_seeded():
    labels = imbalanced()
    first = draw(labels, 50, np.random.default_rng(1))
    again = draw(labels, 50, np.random.default_rng(1))
    other = draw(labels, 50, np.random.default_rng(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.2, 0.5])
def test_hold_out_parts_the_pool(share):
    labels = imbalanced()
    kept, held = hold_out(labels, share, np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(np.concatenate([kept, held])), np.arange(len(labels)))
    assert len(held) == pytest.approx(share * len(labels), abs=5)
    assert set(labels[held]) == set(labels[kept]) == set(range(5))
