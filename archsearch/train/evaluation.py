"""Accuracy and loss of a network on a split, a batch at a time."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archsearch.arch import Spec
from archsearch.data import Split
from archsearch.train.batch_feed import cut, open_feed
from archsearch.train.inputs import Normalization

_BATCH = 256


class Evaluation(Spec):
    """Accuracy and loss of a network on a split.

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

    def add(self, correct: Tensor | int, loss: Tensor, n: int) -> None:
        """Add a batch: number correct, mean loss, size."""
        self.correct += correct
        self.loss += loss.detach().double() * n
        self.n += n

    def state(self) -> tuple[int, float, int]:
        """Return the sums as plain numbers."""
        return int(self.correct.item()), self.loss.item(), self.n

    def load_state(self, state: tuple[int, float, int]) -> None:
        """Take over sums that `state` returned."""
        self.correct.fill_(state[0])
        self.loss.fill_(state[1])
        self.n = state[2]


class Examination:
    """One pass over a split, which may be interrupted after any batch.

    Args:
        split: images to classify.
        normalize: as in training.
        device: of the network.
        workers: threads that decode files.
    """

    def __init__(
        self, split: Split, normalize: Normalization, device: torch.device, workers: int
    ) -> None:
        self._feed = open_feed(split, device, workers)
        self._labels = torch.from_numpy(split.labels.copy()).to(device)
        self._normalize = normalize
        self._batches = cut(np.arange(len(split), dtype=np.int64), _BATCH)
        self._starts = np.cumsum([0, *map(len, self._batches)]).tolist()
        self._device = device
        self.reset()

    def reset(self) -> None:
        """Begin again."""
        self._number = 0
        self._tally = Tally.empty(self._device)

    @torch.inference_mode()
    def advance(self, model: nn.Module) -> bool:
        """Classify one more batch with ``model``, in float32; return whether it was the last."""
        number = self._number
        if model.training:
            model.eval()
        images = self._normalize(self._feed.pixels(self._batches, number))
        labels = self._labels[self._starts[number] : self._starts[number + 1]]
        logits = model(images)
        correct = (logits.argmax(1) == labels).sum()
        self._tally.add(correct, F.cross_entropy(logits, labels), len(labels))
        self._number += 1
        return self._number == len(self._batches)

    def result(self) -> Evaluation:
        """Return the means over what was classified."""
        correct, loss, n = self._tally.state()
        return Evaluation(accuracy=correct / n, loss=loss / n, n=n)

    def pause(self) -> None:
        """Return when no work is going on in the background."""
        self._feed.pause()

    def state(self) -> dict[str, object]:
        """Return how far it got, as plain numbers."""
        return {"number": self._number, "tally": self._tally.state()}

    def load_state(self, state: dict[str, object]) -> None:
        """Go on from where `state` was taken."""
        number, tally = state["number"], state["tally"]
        assert isinstance(number, int)
        assert isinstance(tally, tuple)
        self._number = number
        self._tally.load_state(tally)
