"""What a network learns from the outputs of a teacher, beside the labels."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archsearch.data import DataSplits, TeacherOutputs
from archsearch.errors import Problem
from archsearch.train.inputs import EpochPlan, Mixing
from archsearch.train.pooled_features import classifier_of, reading_features
from archsearch.train.recipe import Recipe
from archsearch.train.teacher import Teacher

#: images -> logits and, mapped to the teacher's, pooled features
Forward = Callable[[Tensor], tuple[Tensor, Tensor | None]]


@dataclass(frozen=True, eq=False)
class Taught:
    """What the teacher says of one batch, on the training device.

    Attributes:
        logits: (B, classes) float32; None where they are not used.
        features: (B, D) float32; None where they are not used.
    """

    logits: Tensor | None
    features: Tensor | None


class TeacherFeed:
    """Hands out the teacher's outputs batch by batch.

    It answers for the images before shift and erasing, mirrored where the image is.

    Args:
        outputs: of the teacher.
        device: where they are wanted.
    """

    def __init__(self, outputs: TeacherOutputs, device: torch.device) -> None:
        self._outputs = outputs
        self._device = device

    def begin(self, plan: EpochPlan) -> None:
        """Begin an epoch; ``plan`` is in main memory."""
        self._plan = plan
        flips = plan.draws.flip
        shape = plan.order.shape
        self._mirrored = np.zeros(shape, np.int64) if flips is None else flips.numpy().astype(int)

    def batch(self, number: int) -> Taught:
        """Return the outputs of batch ``number``."""
        indices, start = self._plan.batches[number], self._plan.starts[number]
        mirrored = self._mirrored[start : start + len(indices)]
        found = (
            self._outputs.logits_of(indices, mirrored),
            self._outputs.features_of(indices, mirrored),
        )
        return Taught(
            *(
                None if each is None else torch.from_numpy(each).to(self._device).float()
                for each in found
            )
        )


class Pupil(nn.Module):
    """A network in training, with a linear map of its pooled features to the teacher's.

    The map exists in training only: what is evaluated and kept is ``model``.

    Args:
        model: the network, on its device.
        images: (B, C, H, W) that it takes, to find the width of its features.
        dim: width of the teacher's features.
        seed: of the map's weights.
    """

    def __init__(self, model: nn.Module, images: Tensor, dim: int, seed: int) -> None:
        super().__init__()
        self.model = model
        width = _feature_width(model, images)
        torch.manual_seed(seed)
        self.adapter = nn.Linear(width, dim).to(images.device)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (B, classes), and features (B, D) to compare with the teacher's."""
        with reading_features(classifier_of(self.model)) as found:
            logits = self.model(images)
        return logits, self.adapter(found[0])

    def no_weight_decay(self) -> set[str]:
        """Return the parameters that the network leaves out of weight decay."""
        own: set[str] = getattr(self.model, "no_weight_decay", set)()
        return {f"model.{name}" for name in own}


class Lesson:
    """How a network learns from its teacher.

    Args:
        teacher: of the recipe.
        outputs: of the teacher.
        num_classes: of the data.
        label_smoothing: of the recipe.
        device: of the network.

    Attributes:
        feed: hands out the teacher's outputs.
    """

    def __init__(
        self,
        teacher: Teacher,
        outputs: TeacherOutputs,
        num_classes: int,
        label_smoothing: float,
        device: torch.device,
    ) -> None:
        self.feed = TeacherFeed(outputs, device)
        self._teacher = teacher
        self._outputs = outputs
        self._num_classes = num_classes
        self._smoothing = label_smoothing

    def pupil(self, model: nn.Module, images: Tensor, seed: int) -> nn.Module:
        """Return what is trained of ``model``: itself, or a `Pupil` where features are used.

        Args:
            model: the network, on its device.
            images: (B, C, H, W) that it takes.
            seed: of the map of its features.
        """
        features = self._outputs.features
        if not self._teacher.feature_weight or features is None:
            return model
        return Pupil(model, images, features.shape[2], seed)

    def loss(
        self,
        forward: Forward,
        images: Tensor,
        labels: Tensor,
        taught: Taught,
        mixing: Mixing | None,
    ) -> Tensor:
        """Return the loss of a batch; see `Teacher`.

        Mixed images have the teacher's probabilities and features mixed in the same shares.

        Args:
            forward: runs the network.
            images: (B, C, H, W).
            labels: (B,).
            taught: what the teacher says of the images.
            mixing: mixup or cutmix; None for neither.
        """
        teacher, targets = self._teacher, labels
        soft = taught.logits if teacher.weight else None
        wanted = taught.features if teacher.feature_weight else None
        if soft is not None:
            soft = (soft / teacher.temperature).softmax(dim=1)
        if mixing is not None:
            hard = F.one_hot(labels, self._num_classes).float()
            parts = [hard, *(each for each in (soft, wanted) if each is not None)]
            images, mixed = mixing(images, torch.cat(parts, dim=1))
            targets, *rest = torch.split(mixed, [part.shape[1] for part in parts], dim=1)
            soft = rest.pop(0) if soft is not None else None
            wanted = rest.pop(0) if wanted is not None else None
        logits, features = forward(images)
        logits = logits.float()
        loss = F.cross_entropy(logits, targets, label_smoothing=self._smoothing)
        if soft is not None:
            loss = (1 - teacher.weight) * loss
            loss = loss + teacher.weight * divergence(logits, soft, teacher.temperature)
        if wanted is not None:
            assert features is not None, "a Pupil returns them"
            loss = loss + teacher.feature_weight * feature_distance(features.float(), wanted)
        return loss


def open_lesson(recipe: Recipe, data: DataSplits, device: torch.device) -> Lesson | None:
    """Return how a network learns from the teacher of its recipe; None without one."""
    if recipe.teacher is None or data.teacher is None:
        return None
    smoothing = recipe.label_smoothing
    return Lesson(recipe.teacher, data.teacher, data.num_classes, smoothing, device)


def divergence(logits: Tensor, soft: Tensor, temperature: float) -> Tensor:
    """Return ``T^2 KL(soft || softmax(logits / T))``, the mean over a batch.

    Args:
        logits: (B, classes).
        soft: (B, classes) probabilities.
        temperature: ``T``; its square keeps the gradients' size (Hinton et al. 2015, section 2).
    """
    softened = (logits / temperature).log_softmax(dim=1)
    return F.kl_div(softened, soft, reduction="batchmean") * temperature**2


def feature_distance(features: Tensor, wanted: Tensor) -> Tensor:
    """Return one minus the cosine of two features (B, D), the mean over a batch."""
    return (1 - F.cosine_similarity(features, wanted, dim=1)).mean()


def lesson_problems(recipe: Recipe, data: DataSplits) -> list[Problem]:
    """Return why the outputs that come with the data are not what the recipe needs."""
    teacher, outputs = recipe.teacher, data.teacher
    if teacher is None:
        return []
    if outputs is None or not teacher.is_open or outputs.teacher != teacher.digest:
        rule = "needs the outputs of this teacher on the training images"
        remedy = "archsearch.run.taught(data, recipe) computes them"
        return [Problem("recipe.teacher", rule, teacher.source, remedy)]
    flips = recipe.augmentation is not None and recipe.augmentation.flip
    lacking = [
        what
        for what, is_lacking in (
            ("every training image", len(outputs) != len(data.train)),
            ("mirror images", flips and outputs.views < 2),
            ("class probabilities", bool(teacher.weight) and outputs.logits is None),
            ("features", bool(teacher.feature_weight) and outputs.features is None),
        )
        if is_lacking
    ]
    return [
        Problem("recipe.teacher", f"must have said something of {what}", teacher.source)
        for what in lacking
    ]


@torch.no_grad()
def _feature_width(model: nn.Module, images: Tensor) -> int:
    was_training = model.training
    with reading_features(classifier_of(model)) as found:
        model.eval()(images)
    model.train(was_training)
    return found[0].shape[1]
