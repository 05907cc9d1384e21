import math

import pytest
import torch
from torch import nn

from archsearch.train import Recipe
from archsearch.train.optimization import build_optimizer, build_schedule, epoch_rates


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 4)
        self.norm = nn.LayerNorm(4)
        self.table = nn.Parameter(torch.ones(5, 4))

    def no_weight_decay(self) -> set[str]:
        return {"table"}


@pytest.mark.parametrize("name", ["adamw", "sgd", "lamb"])
def test_weight_decay_spares_biases_norms_and_what_the_model_names(name):
    model = Network()
    optimizer = build_optimizer(model, Recipe(optimizer=name, weight_decay=0.3))
    decayed = {
        id(parameter)
        for group in optimizer.param_groups
        if group["weight_decay"]
        for parameter in group["params"]
    }
    assert decayed == {id(model.linear.weight)}
    assert {group["weight_decay"] for group in optimizer.param_groups} == {0.0, 0.3}


def rates(recipe: Recipe, steps_per_epoch: int) -> list[float]:
    optimizer = build_optimizer(Network(), recipe)
    schedule = build_schedule(optimizer, recipe, steps_per_epoch)
    found = []
    for step in range(recipe.epochs * steps_per_epoch):
        found.append(optimizer.param_groups[0]["lr"])
        schedule.step_update(step + 1)
    return found


def test_cosine_with_warmup():
    recipe = Recipe(epochs=10, learning_rate=1.0, warmup_epochs=2, final_learning_rate=0.1)
    found = rates(recipe, 5)
    assert found[0] == pytest.approx(0.01)
    assert found[:10] == sorted(found[:10])
    for step in range(10, 50):
        expected = 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * step / 50))
        assert found[step] == pytest.approx(expected)


def test_linear():
    recipe = Recipe(
        epochs=4, learning_rate=2.0, warmup_epochs=0, final_learning_rate=0.0, schedule="linear"
    )
    assert rates(recipe, 2) == pytest.approx([2 * (1 - step / 8) for step in range(8)])


def test_constant():
    recipe = Recipe(epochs=4, learning_rate=2.0, warmup_epochs=1, schedule="constant")
    assert rates(recipe, 2)[2:] == pytest.approx([2.0] * 6)


def test_rates_at_the_end_of_each_epoch() -> None:
    recipe = Recipe(epochs=4, batch_size=10, learning_rate=1.0, warmup_epochs=0)
    cosine = recipe.model_copy(update={"final_learning_rate": 0.0})
    # 25 images are 3 steps an epoch; the last step of epoch e is number 3 e - 1 of 12
    expected = [(1 + math.cos(math.pi * (3 * epoch - 1) / 12)) / 2 for epoch in (1, 2, 3, 4)]
    assert epoch_rates(cosine, 25) == pytest.approx(expected)
    constant = recipe.model_copy(update={"schedule": "constant"})
    assert epoch_rates(constant, 25) == pytest.approx([1.0] * 4)
