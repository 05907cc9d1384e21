"""A network in training, with optimiser, schedule, precision and weight average."""

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archsearch.train.batch_norm import follow_statistics
from archsearch.train.distillation import Lesson, Pupil, Taught
from archsearch.train.distributed import ALONE, Ranks
from archsearch.train.inputs import Mixing
from archsearch.train.optimization import build_optimizer, build_schedule
from archsearch.train.precision import PrecisionChoice, arithmetic
from archsearch.train.recipe import Recipe


class Learner:
    """Takes optimisation steps on a network.

    Args:
        model: on its device; a `Pupil` where it learns from a teacher's features.
        recipe: how it is trained.
        steps_per_epoch: for the schedule.
        mixing: (images, labels) -> (images, soft labels); None to train on the labels.
        device: of the network.
        ranks: processes that train it together.
        lesson: how it learns from a teacher; None for labels alone.
    """

    def __init__(
        self,
        model: nn.Module,
        recipe: Recipe,
        steps_per_epoch: int,
        mixing: Mixing | None,
        device: torch.device,
        ranks: Ranks = ALONE,
        lesson: Lesson | None = None,
    ) -> None:
        self._pupil = model
        if isinstance(model, Pupil):
            model = model.model
        self.model = model
        self._lesson = lesson
        self._ranks = ranks
        self.precision = PrecisionChoice(precision="float32", reason="default")
        self._recipe = recipe
        self._mixing = mixing
        self._device = device
        follow_statistics(model, steps_per_epoch)
        self._parameters = list(self._pupil.parameters())
        self._parallel = ranks.parallel(self._pupil, device)
        self._optimizer = build_optimizer(self._pupil, recipe)
        self._schedule = build_schedule(self._optimizer, recipe, steps_per_epoch)
        self._average = None
        if recipe.ema_decay is not None:
            from timm.utils import ModelEmaV3  # takes as long as torch

            self._average = ModelEmaV3(model, decay=recipe.ema_decay, use_warmup=True)
        self._scaler = torch.amp.GradScaler(device.type, enabled=False)

    @property
    def evaluated(self) -> nn.Module:
        """The network that counts: the average of weights where the recipe asks for one."""
        return self.model if self._average is None else self._average.module

    @property
    def _adapter(self) -> nn.Module | None:
        return self._pupil.adapter if isinstance(self._pupil, Pupil) else None

    @property
    def learning_rate(self) -> float:
        """What the next step uses."""
        rate: float = self._optimizer.param_groups[0]["lr"]
        return rate

    def set_precision(self, choice: PrecisionChoice) -> None:
        """Compute the steps in another arithmetic; float16 scales the loss."""
        self.precision = choice
        enabled = choice.precision == "float16"
        self._scaler = torch.amp.GradScaler(self._device.type, enabled=enabled)

    def step(
        self,
        images: Tensor,
        labels: Tensor,
        updates: int,
        whole: int,
        taught: Taught | None = None,
    ) -> Tensor:
        """Learn from one batch; return its mean loss, still on the device.

        Args:
            images: (B, C, H, W) float32, augmented and normalised; the part of this process.
            labels: (B,).
            updates: steps taken, this one included.
            whole: images of the batch over all processes.
            taught: what the teacher says of the images; None without a lesson.
        """
        if not self.model.training:
            self.model.train()
        if self._lesson is not None:
            assert taught is not None, "a lesson needs a teacher"
            loss = self._lesson.loss(self._both, images, labels, taught, self._mixing)
        else:
            loss = self._loss(images, labels)
        if self._ranks.world > 1:
            # gradients are averaged over processes, whose parts may differ by an image
            loss = loss * (len(labels) * self._ranks.world / whole)
        self._optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        if self._recipe.clip_norm is not None:
            self._scaler.unscale_(self._optimizer)
            nn.utils.clip_grad_norm_(self._parameters, self._recipe.clip_norm)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._schedule.step_update(updates)
        if self._average is not None:
            self._average.update(self.model, step=updates)
        return self._ranks.total(loss.detach()) / self._ranks.world

    def _loss(self, images: Tensor, labels: Tensor) -> Tensor:
        targets = labels
        if self._mixing is not None:
            images, targets = self._mixing(images, labels)
        logits = self._forward(images)
        smoothing = self._recipe.label_smoothing
        return F.cross_entropy(logits.float(), targets, label_smoothing=smoothing)

    def _forward(self, images: Tensor) -> Any:
        with arithmetic(self.precision.precision, self._device):
            return self._parallel(images)

    def _both(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return logits, and the features that are compared with the teacher's if any are."""
        found = self._forward(images)
        return found if isinstance(found, tuple) else (found, None)

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of everything a step depends on."""
        return copy.deepcopy(
            {
                "model": self.model.state_dict(),
                "average": None if self._average is None else self._average.module.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "precision": self.precision.model_dump(),
                "scaler": self._scaler.state_dict(),
                **({"adapter": self._adapter.state_dict()} if self._adapter else {}),
            }
        )

    def load_state_dict(self, state: dict[str, Any], updates: int) -> None:
        """Go on from where ``state`` was taken, after ``updates`` steps."""
        self.model.load_state_dict(state["model"])
        if self._adapter is not None:
            self._adapter.load_state_dict(state["adapter"])
        if self._average is not None:
            self._average.module.load_state_dict(state["average"])
        # the optimiser keeps the tensors it is given
        self._optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        self.set_precision(PrecisionChoice(**state["precision"]))
        self._scaler.load_state_dict(state["scaler"])
        self._schedule.step_update(updates)
