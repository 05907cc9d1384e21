import numpy as np
import pytest
import torch

from archsearch.train import Augmentation
from archsearch.train.batch_feed import cut
from archsearch.train.inputs import Normalization, augmented, build_mixing, plan_epoch


def plan(**changes):
    arguments = {"seed": 0, "epoch": 0, **changes}
    return plan_epoch(103, 20, Augmentation(translate=2, flip=True), 16, **arguments)


def test_an_epoch_visits_every_image_once():
    batches = plan().batches
    assert sorted(np.concatenate(batches).tolist()) == list(range(103))
    assert {len(batch) for batch in batches} == {17, 18}
    assert len(batches) == 6


def test_a_plan_depends_on_seed_and_epoch_alone():
    assert torch.equal(plan().order, plan().order)
    assert torch.equal(plan().draws.shift, plan().draws.shift)
    for other in (plan(seed=1), plan(epoch=1)):
        assert not torch.equal(plan().order, other.order)
        assert not torch.equal(plan().draws.shift, other.draws.shift)


def test_batches_and_draws_belong_together():
    whole = plan()
    for number, batch in enumerate(whole.batches):
        np.testing.assert_array_equal(whole.index(number).numpy(), batch)
    shifts = [whole.batch_draws(number).shift for number in range(len(whole.batches))]
    assert torch.equal(torch.cat(shifts), whole.draws.shift)


@pytest.mark.parametrize(("count", "size"), [(1, 64), (64, 64), (65, 64), (1000, 7)])
def test_batches_are_even(count, size):
    lengths = [len(part) for part in cut(np.arange(count), size)]
    assert sum(lengths) == count
    assert max(lengths) <= size
    assert max(lengths) - min(lengths) <= 1


def test_normalised_training_images_have_mean_0_and_deviation_1(data):
    normalize = Normalization(data, torch.device("cpu"))
    images = normalize(torch.from_numpy(data.train.pixels))
    assert images.dtype == torch.float32
    assert images.mean().item() == pytest.approx(0, abs=1e-5)
    assert images.std(correction=0).item() == pytest.approx(1, abs=1e-5)
    expected = (data.train.pixels / 255 - data.mean[0]) / data.std[0]
    np.testing.assert_allclose(images.numpy(), expected, atol=1e-5)


def test_erased_parts_have_the_mean_colour(data):
    normalize = Normalization(data, torch.device("cpu"))
    augmentation = Augmentation(erase_probability=1.0, erase_area=(1.0, 1.0))
    draws = plan_epoch(102, 102, augmentation, 16, seed=0, epoch=0).draws
    images = augmented(torch.from_numpy(data.train.pixels), draws, augmentation, normalize)
    assert (images == 0).float().mean().item() > 0.5


@pytest.mark.parametrize("augmentation", [Augmentation(mixup=0.4), Augmentation(cutmix=1.0)])
def test_mixing_gives_soft_labels(augmentation):
    mixing = build_mixing(augmentation, 4)
    assert mixing is not None
    images = torch.arange(4.0)[:, None, None, None].expand(4, 1, 8, 8).clone()
    mixed, targets = mixing(images, torch.arange(4))
    assert targets.shape == (4, 4)
    torch.testing.assert_close(targets.sum(1), torch.ones(4))
    # pixels carry their image's number: the mean of a mix is the mean number of its labels
    torch.testing.assert_close(mixed.mean((1, 2, 3)), targets @ torch.arange(4.0))


def test_no_mixing():
    assert build_mixing(Augmentation(), 4) is None
