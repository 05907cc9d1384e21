"""Accuracy and loss of a model on a split, in slices if need be."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archsearch.arch import Spec


class Evaluation(Spec):
    """How a model does on a split.

    Attributes:
        accuracy: share of the images whose highest logit is their class.
        loss: mean cross-entropy, without label smoothing.
        n: number of images.
    """

    accuracy: float
    loss: float
    n: int


@dataclass
class Tally:
    """Sums over the batches seen so far; they stay on the device, so nothing waits for it.

    Attributes:
        correct: images classified rightly.
        loss: sum of the losses, float64.
        n: images seen.
    """

    correct: Tensor
    loss: Tensor
    n: int = 0

    @staticmethod
    def empty(device: torch.device) -> "Tally":
        """Return sums over nothing."""
        return Tally(
            torch.zeros((), dtype=torch.int64, device=device),
            torch.zeros((), dtype=torch.float64, device=device),
        )

    def add(self, correct: Tensor, loss: Tensor, n: int) -> None:
        """Add a batch: number correct, mean loss, size."""
        self.correct += correct
        self.loss += loss.double() * n
        self.n += n

    def result(self) -> Evaluation:
        """Return the means."""
        return Evaluation(
            accuracy=self.correct.item() / self.n, loss=self.loss.item() / self.n, n=self.n
        )


@torch.inference_mode()
def evaluate_batch(model: nn.Module, images: Tensor, labels: Tensor, tally: Tally) -> None:
    """Add one batch of normalised images (B, C, H, W) and labels (B,) to ``tally``."""
    logits = model(images).float()
    tally.add((logits.argmax(1) == labels).sum(), F.cross_entropy(logits, labels), len(labels))
