from dataclasses import replace

import pytest
import torch
from torch import nn

from archsearch.data import DataSplits
from archsearch.errors import InputError
from archsearch.train import Recipe, Trainer
from archsearch.train.batch_norm import follow_statistics, takes_single_images


@pytest.mark.parametrize(
    ("steps", "momentum"), [(1, 0.5), (18, 0.292), (30, 0.187), (60, 0.1), (1000, 0.1)]
)
def test_an_epoch_replaces_the_statistics(steps, momentum):
    model = nn.Sequential(nn.BatchNorm2d(2), nn.BatchNorm2d(2, momentum=None), nn.LayerNorm(2))
    follow_statistics(model, steps)
    assert model[0].momentum == pytest.approx(momentum, abs=1e-3)
    assert model[1].momentum is None
    if 9 < steps < 60:
        assert (1 - model[0].momentum) ** steps == pytest.approx(0.002)


def test_a_higher_momentum_is_kept():
    norm = nn.BatchNorm1d(2, momentum=0.9)
    follow_statistics(norm, 10)
    assert norm.momentum == 0.9


def pooled(arch, *, drop_path=0.0, seed=0):
    """Return a network whose batch norm sees one value of each channel and image."""
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(1),
        nn.Conv2d(1, 4, 1),
        nn.BatchNorm2d(4),
        nn.Flatten(),
        nn.Linear(4, arch.num_classes),
    )


def few(data: DataSplits, images: int) -> DataSplits:
    split = type(data.train)(data.train.pixels[:images], data.train.labels[:images])
    return replace(data, train=split)


@pytest.mark.parametrize("images", range(1, 8))
@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 128])
def test_small_last_batches(arch, data, images, batch_size):
    """A step of one image is refused where batch norm cannot take it; all others train."""
    recipe = Recipe(epochs=1, warmup_epochs=0, batch_size=batch_size)
    smallest = images // -(-images // batch_size)
    if smallest == 1:
        with pytest.raises(InputError, match=r"recipe.batch_size: must leave two images a step"):
            Trainer(arch, few(data, images), recipe, build=pooled)
    else:
        metrics = Trainer(arch, few(data, images), recipe, build=pooled).run()
        assert 0 <= metrics.accuracy <= 1
    metrics = Trainer(arch, few(data, images), recipe).run()
    assert 0 <= metrics.accuracy <= 1, "layer norm takes any"


def test_looking_whether_single_images_work_leaves_the_network_alone():
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2)).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert takes_single_images(model, (1, 4, 4))
    assert not takes_single_images(model, (1, 1, 1))
    assert not model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
