"""Train one candidate, in slices of time, to the same result however it is sliced."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from archsearch.cost.device import name_problem
from archsearch.data import DataSplits
from archsearch.errors import DivergedError, InputError, Problem
from archsearch.image_size import sides_of
from archsearch.model import build_model
from archsearch.model.transfer import Donor, Transfer
from archsearch.record import EpochMetrics
from archsearch.train.batch_feed import open_feed
from archsearch.train.batch_norm import takes_single_images
from archsearch.train.compatibility import TakesImages, fit_problems
from archsearch.train.distillation import lesson_problems, open_lesson
from archsearch.train.distributed import ALONE, Ranks
from archsearch.train.evaluation import Evaluation, Examination, Tally
from archsearch.train.inputs import Normalization, augmented, build_mixing, plan_epoch
from archsearch.train.learner import Learner
from archsearch.train.precision import PrecisionChoice, choose_precision
from archsearch.train.recipe import Augmentation, Recipe
from archsearch.train.recipe_defaults import resolved
from archsearch.train.seeding import derive_seed, isolated_rng, limited_threads
from archsearch.train.weight_files import save_weights, weights_of

# timing a step of each precision costs about as much as ten steps: at most 1 % of so many
_STEPS_WORTH_TIMING = 1000
# reading a loss from a CUDA device waits for it; once in this many steps that costs nothing
_CHECK_EVERY = 50

Build = Callable[..., nn.Module]


class Trainer:
    """Trains one candidate on one device.

    The same arguments give the same weights, bit for bit on a CPU, whatever slices the training
    is cut into and however often it is saved and resumed: order and augmentation depend on
    (seed, epoch), what the network itself draws on (seed, epoch, step).

    Args:
        arch: the candidate, usually an architecture; ``build`` makes the network of it.
        data: what it is trained on; its size, channels and classes must be those of ``arch``.
        recipe: how it is trained.
        seed: of initialisation, order, augmentation and stochastic depth.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        threads: intra-op threads, and threads that decode files.
        build: makes the network, called as ``build(arch, drop_path=..., seed=...)``.
        ranks: processes that train it together, each on its part of every batch.
        start: network whose weights it begins with, as far as they fit; None for new ones alone.

    Attributes:
        start: network whose weights it began with; None for none.
        inherited: what it took from ``start``; None without.
        recipe: with nothing left open but the precision.
        epoch: epochs finished.

    Raises:
        InputError: architecture, data, recipe and device do not belong together.

    Examples:
        >>> from archsearch import Recipe, Trainer, load_data, zoo
        >>> data = load_data("digits", image_size=32, limit=200)
        >>> arch = zoo.arch("edgevit_xxs", image_size=32, in_channels=1, num_classes=10)
        >>> trainer = Trainer(arch, data, Recipe(epochs=1, warmup_epochs=0, precision="float32"))
        >>> while not trainer.done:
        ...     metrics = trainer.run()
        >>> 0 <= metrics.accuracy <= 1
        True
    """

    def __init__(
        self,
        arch: TakesImages,
        data: DataSplits,
        recipe: Recipe,
        *,
        seed: int = 0,
        device: str | torch.device = "cpu",
        threads: int = 1,
        build: Build = build_model,
        ranks: Ranks = ALONE,
        start: Donor | None = None,
    ) -> None:
        self.recipe = resolved(recipe, data)
        self.seed = seed
        if isinstance(device, str) and (problem := name_problem(device)):
            raise InputError(problem)
        self.device = torch.device(device)
        self.threads = threads
        self._ranks = ranks
        problems = fit_problems(arch, data, self.recipe, self.device)
        if problems := [*problems, *lesson_problems(self.recipe, data)]:
            raise InputError(problems)
        self._data = data
        self._normalize = Normalization(data, self.device)
        self._feed = open_feed(data.train, self.device, threads)
        self._labels = torch.from_numpy(data.train.labels.copy()).to(self.device)
        self._val = self._examination("val")
        self._steps: int = -(-len(data.train) // recipe.batch_size)
        smallest = len(data.train) // self._steps
        if smallest < 2 * ranks.world > 2:
            rule = f"must leave two images a step to each of {ranks.world} processes"
            raise InputError(Problem("recipe.batch_size", rule, smallest, "use fewer processes"))
        self.start = start
        with self._session():
            model = build(arch, drop_path=recipe.drop_path, seed=derive_seed(seed, "weights"))
            self.inherited: Transfer | None = (
                None if start is None else start.fill(model, data.class_names)
            )
            model = ranks.joined(model, self.device)
            model = model.to(self.device).to(memory_format=torch.channels_last)
            shape = (data.in_channels, *sides_of(data.image_size))
            if smallest == 1 and not takes_single_images(model, shape):
                rule = "must leave two images a step to a network with batch norm"
                value = recipe.batch_size
                raise InputError(Problem("recipe.batch_size", rule, value, "use 3 or more"))
            self._lesson = lesson = open_lesson(self.recipe, data, self.device)
            mixing = build_mixing(self._augmentation, None if lesson else data.num_classes)
            if lesson is not None:
                an_image = torch.zeros(1, *shape, device=self.device)
                model = lesson.pupil(model, an_image, derive_seed(seed, "adapter"))
            self._learner = Learner(
                model, self.recipe, self._steps, mixing, self.device, ranks, lesson
            )
        self._precision_is_set = False
        self.epoch: int = 0
        self._begin_epoch()

    @property
    def model(self) -> nn.Module:
        """The network that is evaluated and kept: the average of weights if there is one."""
        return self._learner.evaluated

    @property
    def ranks(self) -> Ranks:
        """The processes that train it together."""
        return self._ranks

    @property
    def data(self) -> DataSplits:
        """What it is trained on."""
        return self._data

    @property
    def done(self) -> bool:
        """Whether every epoch is finished."""
        return self.epoch >= self.recipe.epochs

    @property
    def precision(self) -> PrecisionChoice:
        """The arithmetic of the training steps, chosen when it is first needed."""
        if not self._precision_is_set:
            with self._session():
                choice = self._ranks.agreed(self._choose_precision())
                assert isinstance(choice, PrecisionChoice)
                self._learner.set_precision(choice)
            self._precision_is_set = True
        return self._learner.precision

    def run(self, max_seconds: float = math.inf) -> EpochMetrics | None:
        """Train for about ``max_seconds``, one step at least, and not past the end of an epoch.

        Returns:
            What the epoch showed if it ended, else None.

        Raises:
            DivergedError: a loss became NaN or infinite.
        """
        assert not self.done, "every epoch is finished"
        self._slice_began = time.perf_counter()
        if not self._precision_is_set:
            _ = self.precision
        ended = False
        with self._session():
            while not ended:
                ended = self._advance()
                if time.perf_counter() - self._slice_began >= max_seconds:
                    break
        # what runs next may measure a latency
        self._settle()
        self._seconds += time.perf_counter() - self._slice_began
        return self._end_epoch() if ended else None

    def evaluate(self, split: str = "val") -> Evaluation:
        """Return accuracy and loss on a split: ``train``, ``val`` or ``test``."""
        examination = self._examination(split)
        with self._session():
            while not examination.advance(self.model):
                pass
        return examination.result()

    def save_weights(self, path: str | Path) -> None:
        """Write the evaluated weights as safetensors."""
        save_weights(self.model, path, self._data.class_names)

    def weights(self) -> dict[str, Tensor]:
        """Return copies of the evaluated weights, in main memory."""
        return weights_of(self.model)

    def state_dict(self) -> dict[str, Any]:
        """Return all that an equal trainer needs to go on from here: tensors and plain data."""
        return {
            "recipe": self.recipe.to_dict(),
            "seed": self.seed,
            "precision_is_set": self._precision_is_set,
            "learner": self._learner.state_dict(),
            "epoch": self.epoch,
            "step": self._step,
            "seconds": (self._seconds, self._train_seconds),
            "losses": self._losses.state(),
            "val": self._val.state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where ``state`` was taken.

        Raises:
            InputError: it was taken under another recipe or seed.
        """
        own = {"recipe": self.recipe.to_dict(), "seed": self.seed}
        problems = [
            Problem(key, f"must be {value!r}, as in this run", state[key])
            for key, value in own.items()
            if state[key] != value
        ]
        if problems:
            raise InputError(problems)
        self.epoch = state["epoch"]
        self._begin_epoch()
        self._step = state["step"]
        self._seconds, self._train_seconds = state["seconds"]
        self._losses.load_state(state["losses"])
        self._val.load_state(state["val"])
        self._learner.load_state_dict(state["learner"], self._updates)
        self._precision_is_set = state["precision_is_set"]

    @property
    def _augmentation(self) -> Augmentation:
        assert self.recipe.augmentation is not None, "resolved() fills it in"
        return self.recipe.augmentation

    @property
    def _updates(self) -> int:
        updates: int = self.epoch * self._steps + self._step
        return updates

    @contextmanager
    def _session(self) -> Iterator[None]:
        with limited_threads(self.threads), isolated_rng(self.device):
            yield

    def _examination(self, split: str) -> Examination:
        return Examination(
            self._data.split(split), self._normalize, self.device, workers=self.threads
        )

    def _begin_epoch(self) -> None:
        self._step = 0
        self._seconds = self._train_seconds = 0.0
        self._losses = Tally.empty(self.device)
        self._val.reset()
        plan = plan_epoch(
            len(self._data.train),
            self.recipe.batch_size,
            self._augmentation,
            self._data.image_size,
            seed=self.seed,
            epoch=self.epoch,
        )
        self._batch_sizes = [len(batch) for batch in plan.batches]
        own = plan.shared(self._ranks)
        if self._lesson is not None:
            self._lesson.feed.begin(own)
        self._plan = own.to(self.device)

    def _advance(self) -> bool:
        """Take one training step or evaluate one batch; return whether that ended the epoch."""
        if self._step == self._steps:
            return self._val.advance(self.model)
        own = (self._ranks.rank,) if self._ranks.rank else ()
        torch.manual_seed(derive_seed(self.seed, "step", self.epoch, self._step, *own))
        images, labels = self._batch(self._step)
        whole = self._batch_sizes[self._step]
        taught = self._lesson.feed.batch(self._step) if self._lesson is not None else None
        loss = self._learner.step(images, labels, self._updates + 1, whole, taught)
        self._losses.add(0, loss, whole)
        self._step += 1
        last = self._step == self._steps
        if last or self.device.type == "cpu" or self._step % _CHECK_EVERY == 0:
            # a NaN stays in the sum, so that one look covers all steps since the last
            self._check(self._losses.loss.item(), "training")
        if last:
            self._train_seconds = self._seconds + time.perf_counter() - self._slice_began
        return False

    def _batch(self, number: int) -> tuple[Tensor, Tensor]:
        pixels = self._feed.pixels(self._plan.batches, number)
        draws = self._plan.batch_draws(number)
        images = augmented(pixels, draws, self._augmentation, self._normalize)
        return images, self._labels[self._plan.index(number)]

    def _choose_precision(self) -> PrecisionChoice:
        if self.recipe.precision != "auto":
            return PrecisionChoice(precision=self.recipe.precision, reason="set by the recipe")
        steps = self.recipe.epochs * self._steps
        if steps < _STEPS_WORTH_TIMING:
            reason = f"{steps} steps are too few to earn back timing other precisions"
            return PrecisionChoice(precision="float32", reason=reason)
        return choose_precision(self._learner.model, *self._batch(0))

    def _settle(self) -> None:
        self._feed.pause()
        self._val.pause()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def _check(self, loss: float, which: str) -> None:
        if not math.isfinite(loss):
            raise DivergedError(
                f"the {which} loss became {'NaN' if math.isnan(loss) else 'infinite'} in epoch "
                f"{self.epoch + 1}, by step {self._step} of {self._steps} "
                f"(learning rate {self._learner.learning_rate:.3g})"
            )

    def _end_epoch(self) -> EpochMetrics:
        evaluation = self._val.result()
        self._check(evaluation.loss, "validation")
        _, loss, n = self._losses.state()
        metrics = EpochMetrics(
            epoch=self.epoch + 1,
            train_loss=loss / n,
            accuracy=evaluation.accuracy,
            val_loss=evaluation.loss,
            seconds=self._seconds,
            images_per_s=n / self._train_seconds,
        )
        self.epoch += 1
        if not self.done:
            self._begin_epoch()
        return metrics
