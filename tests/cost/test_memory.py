"""Memory against sums done by hand."""

import pytest
import torch
from torch import nn

from archsearch.cost import activation_memory, weight_bytes


def test_peak_and_saved_bytes_of_a_chain():
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.GELU(), nn.Conv2d(8, 4, 1))
    memory = activation_memory(model, (2, 3, 16, 16))
    image, hidden = 2 * 3 * 256 * 4, 2 * 8 * 256 * 4
    assert memory.inference_bytes == image + 2 * hidden
    # input of the first convolution, of GELU and of the second convolution
    assert memory.training_bytes == image + 2 * hidden


def test_weights_are_not_activations():
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 100), nn.ReLU(), nn.Linear(100, 10))
    assert activation_memory(model, (2, 3, 4, 4)).training_bytes == 2 * 48 * 4 + 2 * 100 * 4


@pytest.mark.parametrize("batch", [1, 7])
def test_activations_grow_with_the_batch(batch):
    model = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU())
    assert activation_memory(model, (batch, 3, 4, 4)).inference_bytes == batch * (48 + 256) * 4


def test_a_huge_batch_needs_no_memory():
    assert activation_memory(nn.Conv2d(3, 8, 1), (10**6, 3, 64, 64)).inference_bytes > 10**11


def test_the_model_is_left_as_it_was():
    model = nn.Sequential(nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8), nn.Dropout())
    model[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    activation_memory(model, (2, 3, 4, 4))
    assert [module.training for module in model] == [True, False, True]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_weight_bytes_by_dtype():
    model = nn.BatchNorm1d(10)  # 20 parameters, 20 statistics, one int64 counter
    assert weight_bytes(model) == {"float32": 168, "bfloat16": 88, "float16": 88}
