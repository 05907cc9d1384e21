import numpy as np
import pytest
import torch

from archsearch.train import Augmentation
from archsearch.train.augmentation import Draws, draw_augmentation, erase, shift_and_flip

FULL = Augmentation(translate=3, flip=True, erase_probability=0.5, erase_area=(0.05, 0.3))


def pixels(count: int = 23, channels: int = 3, side: int = 12) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (count, channels, side, side)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


def slow_shift_and_flip(image: np.ndarray, shift, flip: bool, padding: int) -> np.ndarray:
    """Do one image, a pixel at a time: pad, crop, then mirror."""
    side = image.shape[1]
    out = np.zeros_like(image)
    for row in range(side):
        for column in range(side):
            y = row + int(shift[0]) - padding
            x = column + int(shift[1]) - padding
            if 0 <= y < side and 0 <= x < side:
                out[:, row, column] = image[:, y, x]
    return out[:, :, ::-1] if flip else out


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("translate", [0, 1, 3])
@pytest.mark.parametrize("flip", [False, True])
def test_equals_the_slow_twin(channels, translate, flip):
    batch = pixels(channels=channels)
    augmentation = Augmentation(translate=translate, flip=flip)
    draws = draw_augmentation(len(batch), augmentation, 12, np.random.default_rng(1))
    fast = shift_and_flip(batch, draws, translate)
    for index, image in enumerate(batch.numpy()):
        shift = (translate, translate) if draws.shift is None else draws.shift[index]
        flipped = draws.flip is not None and bool(draws.flip[index])
        slow = slow_shift_and_flip(image, shift, flipped, translate)
        np.testing.assert_array_equal(fast[index].numpy(), slow)


def test_channels_last_input_gives_the_same():
    batch = pixels()
    draws = draw_augmentation(len(batch), FULL, 12, np.random.default_rng(1))
    twin = shift_and_flip(batch.to(memory_format=torch.channels_last), draws, 3)
    assert torch.equal(shift_and_flip(batch, draws, 3), twin)


def test_nothing_to_do_returns_the_batch_itself():
    batch = pixels()
    assert shift_and_flip(batch, Draws(None, None, None), 0) is batch


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_erase_equals_the_slow_twin(memory_format):
    images = pixels().float().to(memory_format=memory_format) + 1
    draws = draw_augmentation(len(images), FULL, 12, np.random.default_rng(2))
    assert draws.erase is not None
    expected = images.clone()
    for image, (top, left, height, width) in zip(expected, draws.erase.tolist(), strict=True):
        image[:, top : top + height, left : left + width] = 0
    assert torch.equal(erase(images, draws.erase), expected)


def test_rectangles_stay_inside_and_have_the_area_asked_for():
    augmentation = Augmentation(erase_probability=0.5, erase_area=(0.1, 0.3))
    draws = draw_augmentation(20_000, augmentation, 32, np.random.default_rng(0))
    assert draws.erase is not None
    top, left, height, width = draws.erase.numpy().T
    chosen = height > 0
    assert chosen.mean() == pytest.approx(0.5, abs=0.02)
    assert top.min() >= 0
    assert left.min() >= 0
    assert (top + height).max() <= 32
    assert (left + width).max() <= 32
    assert (height * width)[chosen].mean() / 1024 == pytest.approx(0.2, abs=0.01)


def test_draws_cover_their_range_evenly():
    draws = draw_augmentation(49_000, FULL, 12, np.random.default_rng(0))
    assert draws.shift is not None
    assert draws.flip is not None
    counts = np.bincount(draws.shift.numpy() @ [7, 1], minlength=49)
    assert len(counts) == 49
    assert np.abs(counts - 1000).max() < 150
    assert draws.flip.float().mean().item() == pytest.approx(0.5, abs=0.01)


def test_one_augmentation_leaves_the_draws_of_another_alone():
    one = draw_augmentation(10, Augmentation(flip=True), 12, np.random.default_rng(0))
    two = draw_augmentation(
        10, Augmentation(flip=True, erase_probability=1.0), 12, np.random.default_rng(0)
    )
    assert one.shift is None
    assert torch.equal(one.flip, two.flip)


def test_part():
    draws = draw_augmentation(10, FULL, 12, np.random.default_rng(0)).part(3, 5)
    assert [len(each) for each in (draws.shift, draws.flip, draws.erase)] == [2, 2, 2]
