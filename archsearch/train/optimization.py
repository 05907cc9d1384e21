"""timm's optimisers and schedules, as a recipe asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from archsearch.train.recipe import Recipe

if TYPE_CHECKING:
    from timm.scheduler.scheduler import Scheduler

# torch's own implementations that update all parameters in one kernel; on a CPU it takes a third
# of the time of one parameter after the other
_FUSED = frozenset(("adam", "adamw", "sgd", "momentum"))


def build_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the optimiser; biases, norms and ``model.no_weight_decay()`` are not decayed."""
    from timm.optim import create_optimizer_v2  # takes as long as torch

    options = {"fused": True} if recipe.optimizer in _FUSED else {}
    optimizer: torch.optim.Optimizer = create_optimizer_v2(
        model,
        opt=recipe.optimizer,
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        momentum=recipe.momentum,
        **options,
    )
    return optimizer


def epoch_rates(recipe: Recipe, num_images: int) -> list[float]:
    """Return the learning rate that each epoch ends with.

    Args:
        recipe: of the training.
        num_images: training images.
    """
    steps = -(-num_images // recipe.batch_size)
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=recipe.learning_rate)
    schedule = build_schedule(optimizer, recipe, steps)
    rates = []
    for epoch in range(1, recipe.epochs + 1):
        # the last step of an epoch is taken with the rate that was set before it
        schedule.step_update(epoch * steps - 1)
        rates.append(float(optimizer.param_groups[0]["lr"]))
    return rates


def build_schedule(
    optimizer: torch.optim.Optimizer, recipe: Recipe, steps_per_epoch: int
) -> Scheduler:
    """Return the schedule; ``step_update(number of steps done)`` sets the learning rate."""
    from timm.scheduler import create_scheduler_v2  # takes as long as torch

    final = recipe.final_learning_rate * recipe.learning_rate
    shape: dict[str, object] = {
        "cosine": {"sched": "cosine", "min_lr": final},
        "linear": {"sched": "poly", "decay_rate": 1.0, "min_lr": final},
        "constant": {"sched": "step", "decay_rate": 1.0},
    }[recipe.schedule]
    scheduler, _ = create_scheduler_v2(
        optimizer,
        num_epochs=recipe.epochs,
        warmup_epochs=recipe.warmup_epochs,
        warmup_lr=recipe.learning_rate / 100,
        step_on_epochs=False,
        updates_per_epoch=steps_per_epoch,
        **shape,
    )
    scheduler.step_update(0)
    return scheduler
